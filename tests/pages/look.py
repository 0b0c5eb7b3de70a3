"""Looks at the pages with a real browser, in light and dark, narrow and wide, and takes pictures.

Usage: look.py SEATWATCH AXE PICTURES
"""

import base64
import contextlib
import itertools
import json
import pathlib
import shutil
import sys
import tempfile
import urllib.parse

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.wait import WebDriverWait

import world

SIZES = {"wide": (1280, 900), "narrow": (360, 740)}
THEMES = ("light", "dark")


class Browser:
    """A browser that remembers all that it was told and asked for."""

    def __init__(self, base, axe):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                         "--disable-dev-shm-usage", "--disable-background-networking"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
        self.driver = webdriver.Chrome(options=options, service=service)
        self.base, self.axe = base, axe

    def tell(self, command, **parameters):
        self.driver.execute_cdp_cmd(command, parameters)

    def dress(self, size, theme):
        width, height = SIZES[size]
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=size == "narrow")
        self.tell("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": theme}])

    def open(self, path):
        """Opens a page as a reader would, without scripts, and sees what it does."""
        self.tell("Emulation.setScriptExecutionDisabled", value=True)
        self.driver.get(self.base + path)
        self.check_quiet(path)

    def check_quiet(self, path):
        """Nothing was complained of, and nothing was asked of anybody else."""
        complaints = [entry["message"] for entry in self.driver.get_log("browser")
                      # A page that says that there is no such thing says so in its status, too.
                      if "status of 404" not in entry["message"]]
        assert not complaints, (path, complaints)
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                assert url.startswith((self.base + "/", "data:")), (path, url)

    @contextlib.contextmanager
    def leaving(self, element):
        """What is done in here leads to another page, and afterwards that page is there."""
        yield
        WebDriverWait(self.driver, 30).until(expected_conditions.staleness_of(element))
        WebDriverWait(self.driver, 30).until(
            expected_conditions.presence_of_element_located((By.TAG_NAME, "footer")))

    def run(self, script, *arguments):
        self.tell("Emulation.setScriptExecutionDisabled", value=False)
        return self.driver.execute_script(script, *arguments)

    def check_width(self, path):
        inner, outer = self.run(
            "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        wide = self.run("""
            return [...document.querySelectorAll('body *')]
              .filter(it => it.getBoundingClientRect().right > innerWidth + 1
                            && !it.closest('.skip, thead'))
              .slice(0, 5).map(it => it.outerHTML.slice(0, 120))""")
        assert inner <= outer and not wide, (path, inner, outer, wide)

    def check_access(self, path):
        """Axe finds nothing that is serious."""
        self.run(self.axe)
        found = self.driver.execute_async_script(
            "axe.run(document, {resultTypes: ['violations']}).then(arguments[0])")
        bad = [(it["id"], it["impact"], [node["html"][:200] for node in it["nodes"][:3]],
                it["nodes"][0].get("failureSummary"))
               for it in found["violations"] if it["impact"] in ("serious", "critical", "moderate")]
        assert not bad, (path, json.dumps(bad, indent=1))

    def check_keyboard(self, path):
        """Tab reaches all that can be used, in the order of the page, and shows where it is."""
        count = self.run("""
            window.all = [...document.querySelectorAll('a[href], button, input:not([type=hidden])')];
            document.activeElement.blur(); scrollTo(0, 0); return all.length""")
        body = self.driver.find_element(By.TAG_NAME, "body")
        seen = []
        for _ in range(count):
            body.send_keys(Keys.TAB) if not seen else \
                self.driver.switch_to.active_element.send_keys(Keys.TAB)
            index, outline = self.run("""
                const it = document.activeElement;
                return [all.indexOf(it), getComputedStyle(it).outlineStyle]""")
            assert outline != "none", (path, index, "the focus cannot be seen")
            seen.append(index)
        assert seen == list(range(count)), (path, count, seen)

    def picture(self, path):
        self.tell("Emulation.setScriptExecutionDisabled", value=True)
        size = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 2600),
                "scale": 1}
        taken = self.driver.execute_cdp_cmd("Page.captureScreenshot",
                                            {"clip": clip, "captureBeyondViewport": True})
        path.write_bytes(base64.b64decode(taken["data"]))


def member(organization, username):
    if username in (".", ".."):
        return f"/org/{organization}/member?name={username}"
    return f"/org/{organization}/member/{urllib.parse.quote(username, safe='')}"


def look_at_all(browser, pages, pictures):
    """Every page in every dress; what does not depend on it is looked at once."""
    for name, path in pages.items():
        for size, theme in itertools.product(SIZES, THEMES):
            browser.dress(size, theme)
            browser.open(path)
            browser.picture(pictures / f"{name}-{size}-{theme}.png")
            if (size, theme) in (("wide", "light"), ("narrow", "dark")):
                browser.check_access(path)
            if theme == "light":
                browser.check_width(path)


def search(browser, path, word):
    """Searches as somebody does who has neither mouse nor scripts."""
    browser.open(path)
    field = browser.driver.find_element(By.NAME, "q")
    field.clear()
    with browser.leaving(field):
        field.send_keys(word, Keys.ENTER)
    browser.check_quiet(path)
    rows = browser.driver.find_elements(By.CSS_SELECTOR, "table tbody th a")
    return [row.text for row in rows]


def small(browser, pictures):
    pages = {
        "overview": "/",
        "organization": "/org/github/acme",
        "held": "/org/github/initech",
        "subgroup": "/org/gitlab/grp:sub",
        "names": "/org/github/names",
        "missing": "/org/github/acmee",
    }
    browser.dress("wide", "light")
    browser.open(pages["organization"])
    link = browser.driver.find_element(By.CSS_SELECTOR, ".timeline a")
    pages["member"] = urllib.parse.urlparse(link.get_attribute("href")).path
    look_at_all(browser, pages, pictures)
    for page in ("overview", "organization", "member", "missing"):
        browser.open(pages[page])
        browser.check_keyboard(page)

    # The whole name leads to its page, whatever it is, and does nothing else there.
    for number, name in enumerate(world.HOSTILE):
        browser.dress("narrow", "light")
        browser.open(member("github/names", name))
        assert "There is no such" not in browser.driver.title, name
        browser.check_width(name)
        assert not browser.run("return document.querySelectorAll('script, main img').length"), name
        browser.picture(pictures / f"name-{number}.png")
    browser.open("/org/github/names")
    links = browser.driver.find_elements(By.CSS_SELECTOR, "table tbody th a")
    for href in [link.get_attribute("href") for link in links]:
        browser.open(href.removeprefix(browser.base))
        assert "There is no such" not in browser.driver.title, href


def large(browser, pictures):
    look_at_all(browser, {"thousand": "/?page=2", "giant": "/org/github/giant?page=100"}, pictures)
    browser.dress("wide", "light")
    assert search(browser, "/", "TEAM-0123") == ["github/team-0123"]
    browser.open("/org/github/giant?page=57")
    some = browser.driver.find_element(By.CSS_SELECTOR, "table tbody th a").text
    assert some in search(browser, "/org/github/giant", some.upper())
    links = browser.driver.find_elements(By.LINK_TEXT, some)
    with browser.leaving(links[0]):
        links[0].click()
    assert some in browser.driver.title, browser.driver.title


def main():
    seatwatch, axe, pictures = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        for make, look in ((world.small, small), (world.large, large)):
            config = make(seatwatch, pathlib.Path(directory) / make.__name__)
            with world.daemon(seatwatch, config) as base:
                browser = Browser(base, pathlib.Path(axe).read_text())
                try:
                    look(browser, pictures)
                finally:
                    browser.driver.quit()
    print("pages looked at; pictures are in", pictures)


if __name__ == "__main__":
    main()
