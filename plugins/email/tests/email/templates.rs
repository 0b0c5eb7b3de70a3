//! Templates of one's own: used, and refused where they would fail.

use std::fs;

use insta::assert_snapshot;
use seatwatch_sdk::samples::events;
use seatwatch_sdk::{EventKind, SinkConfig as _};
use serde_json::json;

use crate::samples::Log;
use crate::server::Setup;
use crate::world::World;

fn world(part: &str, template: &str) -> World {
    let keys = json!({ "server": { "tls": "none" }, "templates": { part: "template" } });
    let world = World::with(Setup::default(), keys);
    world.write("template", template);
    world
}

/// What `check` would say of this template.
fn problems(part: &str, template: &str) -> String {
    let world = world(part, template);
    let problems = world.config.file_problems();
    let told = problems.iter().map(|it| format!("{}: {}", it.keys.join("."), it.text));
    world.filtered(&told.collect::<Vec<_>>().join("\n"))
}

#[tokio::test]
async fn each_part_can_be_replaced() {
    let events = Log::new().member(EventKind::Left, "a<b>").events();
    let template = "{% for it in organizations %}{% for one in it.people %}{{ one.username }} <i>\n\
                    {% endfor %}{% endfor %}";
    for part in ["subject", "text", "html"] {
        assert_eq!(
            problems(part, template),
            if part == "subject" {
                "templates.subject: the template `[DIR]/template` gives an empty subject"
            } else {
                ""
            }
        );
        let mut world = world(part, template);
        world.accepts(&events).await;
        let mail = world.mail();
        let found = match part {
            "subject" => mail.subject(),
            "text" => mail.text(),
            _ => mail.html(),
        };
        // What is put into HTML is escaped; the others are no HTML.
        let name = if part == "html" { "a&lt;b&gt;" } else { "a<b>" };
        assert_eq!(found.trim_end(), format!("{name} <i>"), "{part}");
        assert_eq!(part == "subject", mail.subject() != "[acme] 1 member left");
    }
}

#[test]
fn what_is_wrong_with_a_template_is_told_with_its_line() {
    let told = [
        ("text", "hello\n{% for %}"),
        ("text", "hello\n{{ haedline }}"),
        ("text", "{% for it in organizations %}\n{{ it.nam }}{% endfor %}"),
        (
            "html",
            "{% for it in organizations %}{% for one in it.people %}\n\n{{ one.mail }}{% endfor %}{% endfor %}",
        ),
        (
            "html",
            "{% for it in notices %}\n{% if it.kind == 'test' %}{{ it.oops }}{% endif %}{% endfor %}",
        ),
        ("html", "{{ headline|shout }}"),
        ("html", "{% include 'other' %}"),
        ("subject", " \n "),
        ("subject", "{{ subject }}"),
        ("text", "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}"),
        ("text", "{% for a in range(9999) %}{{ 'x' * 99999 }}{% endfor %}"),
        ("text", "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}"),
    ];
    assert_snapshot!(told.map(|(part, template)| problems(part, template)).join("\n"), @"
    templates.text: the template `[DIR]/template` cannot be used: syntax error: unexpected end of block, expected in, in line 2
    templates.text: the template `[DIR]/template` cannot be used: undefined value: `haedline` is undefined, in line 2
    templates.text: the template `[DIR]/template` cannot be used: undefined value: `it.nam` is undefined, in line 2
    templates.html: the template `[DIR]/template` cannot be used: undefined value: `one.mail` is undefined, in line 3
    templates.html: the template `[DIR]/template` cannot be used: undefined value: `it.oops` is undefined, in line 2
    templates.html: the template `[DIR]/template` cannot be used: unknown filter: filter shout is unknown, in line 1
    templates.html: the template `[DIR]/template` cannot be used: template not found: tried to include non-existing template 'other', in line 1
    templates.subject: the template `[DIR]/template` gives an empty subject
    templates.subject: the template `[DIR]/template` cannot be used: undefined value: `subject` is undefined, in line 1
    templates.text: the template `[DIR]/template` does not come to an end: it was stopped, in line 1
    templates.text: the template `[DIR]/template` writes more than 4 MiB: it was stopped
    templates.text: the template `[DIR]/template` cannot be used: invalid operation: recursion limit exceeded, in line 1
    ");
}

#[test]
fn what_is_no_template_is_told() {
    let world = world("html", "");
    let path = world.write("template", "");
    let told = || {
        let problem = world.config.file_problems().remove(0);
        world.filtered(&format!("{}: {}", problem.keys.join("."), problem.text))
    };
    fs::remove_file(&path).unwrap();
    let missing = told();
    fs::create_dir(&path).unwrap();
    let directory = told();
    fs::remove_dir(&path).unwrap();
    fs::write(&path, b"\xff").unwrap();
    let binary = told();
    fs::write(&path, " ".repeat(300_000)).unwrap();
    assert_snapshot!([missing, directory, binary, told()].join("\n"), @"
    templates.html: the template `[DIR]/template` cannot be read: no such file or directory
    templates.html: the template `[DIR]/template` is not a regular file
    templates.html: the template `[DIR]/template` is not UTF-8 text
    templates.html: the template `[DIR]/template` is larger than 256 KiB
    ");
}

/// It was well when it was read, but is not any more: the mail waits for a better one, and no
/// other template hides that.
#[tokio::test]
async fn a_template_that_fails_later_loses_no_event() {
    let mut world = world("html", "{{ headline }}");
    assert_eq!(world.config.file_problems(), []);
    world.write("template", "{{ headline }}\n{{ oops }}");
    assert_snapshot!(world.outcome(&events(3)).await, @"retry: the template `[DIR]/template` cannot be used: undefined value: `oops` is undefined, in line 2; correct it, or leave `templates` out to use the built-in one");
    assert_eq!(world.server.connections(), 0);
    world.write("template", "{{ headline }}");
    world.accepts(&events(3)).await;
}

/// The built-in templates must be models: each of them passes as one's own.
#[test]
fn the_built_in_ones_pass_as_ones_own() {
    let built_in =
        |name: &str| fs::read_to_string(std::path::Path::new("templates").join(name)).unwrap();
    for (part, name) in [("subject", "subject.txt"), ("text", "mail.txt"), ("html", "mail.html")] {
        assert_eq!(problems(part, &built_in(name)), "");
    }
}
