//! What differs between two configs, in words for whoever reloads.
//!
//! Pure: what differs in the files that a config names, only who has read them can tell. Knows
//! neither store nor sinks at work.

use std::collections::HashMap;

use itertools::Itertools as _;

use crate::config::Config;

/// Which of the files that a config names hold something else now.
pub(super) struct ChangedFiles {
    pub(super) web: bool,
    pub(super) authorities: bool,
}

/// What differs, for people: one line a kind of thing. What differs in files, only who has read
/// them can tell.
pub(super) fn changes(before: &Config, after: &Config, files: &ChangedFiles) -> Vec<String> {
    let organizations = |config: &Config| -> HashMap<String, String> {
        config.organizations.iter().map(|one| (one.id.to_string(), format!("{one:?}"))).collect()
    };
    let sinks = |config: &Config| -> HashMap<String, String> {
        config.sinks.iter().map(|one| (one.name.clone(), format!("{one:?}"))).collect()
    };
    let mut lines = Vec::new();
    lines.extend(difference("organizations", &organizations(before), &organizations(after)));
    let (mut old, mut new) = (sinks(before), sinks(after));
    for entry in &after.sinks {
        if let Some(formerly) = entry.formerly.as_ref().filter(|name| old.contains_key(*name))
            && !old.contains_key(&entry.name)
        {
            old.remove(formerly);
            new.remove(&entry.name);
            lines.push(format!("sinks: {formerly} is called {} now", entry.name));
        }
    }
    lines.extend(difference("sinks", &old, &new));
    let changed = settings(before, after, files);
    if !changed.is_empty() {
        lines.push(format!("settings: changed {}", changed.join(", ")));
    }
    if lines.is_empty() {
        lines.push("nothing changed".to_owned());
    }
    lines
}

/// The keys of the other settings that differ.
fn settings(before: &Config, after: &Config, files: &ChangedFiles) -> Vec<&'static str> {
    // All fields, so that none that is added is forgotten here.
    let Config {
        instance,
        state_dir: _, // It cannot change.
        listen,
        http_hosts,
        http_pages,
        web,
        splay,
        sync_timeout,
        max_concurrent_syncs,
        failing_after,
        remind_every,
        heartbeat,
        shutdown_grace,
        retention,
        plugin_dirs,
        timezone,
        codecov,
        // Organizations have taken these over.
        base_url: _,
        token: _,
        organizations: _,
        discover: _,
        sinks: _,
        warnings: _,
    } = before;
    let settings = [
        ("instance", *instance != after.instance),
        ("listen", *listen != after.listen),
        ("http.pages", *http_pages != after.http_pages),
        ("http.hosts", *http_hosts != after.http_hosts),
        ("http.web_config_file", files.web || web.path() != after.web.path()),
        ("timezone", *timezone != after.timezone),
        ("splay", *splay != after.splay),
        ("sync_timeout", *sync_timeout != after.sync_timeout),
        ("max_concurrent_syncs", *max_concurrent_syncs != after.max_concurrent_syncs),
        ("failing_after", *failing_after != after.failing_after),
        ("remind_every", *remind_every != after.remind_every),
        ("heartbeat", *heartbeat != after.heartbeat),
        ("plugin_dirs", *plugin_dirs != after.plugin_dirs),
        ("discover", rules(before) != rules(after)),
        ("retention", *retention != after.retention),
        ("shutdown_grace", *shutdown_grace != after.shutdown_grace),
        ("codecov", files.authorities || *codecov != after.codecov),
    ];
    settings.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect()
}

/// The rules, as what can be compared.
fn rules(config: &Config) -> Vec<String> {
    config.discover.iter().map(|rule| format!("{rule:?}")).collect()
}

/// `organizations: added github/new; removed github/old; changed github/acme`.
fn difference(
    what: &str,
    before: &HashMap<String, String>,
    after: &HashMap<String, String>,
) -> Option<String> {
    let list = |word: &str, names: Vec<&String>| {
        let names = names.into_iter().sorted().join(", ");
        (!names.is_empty()).then(|| format!("{word} {names}"))
    };
    let added = after.keys().filter(|name| !before.contains_key(*name)).collect();
    let removed = before.keys().filter(|name| !after.contains_key(*name)).collect();
    let changed =
        after.iter().filter(|(name, now)| before.get(*name).is_some_and(|was| was != *now));
    let parts = [
        list("added", added),
        list("removed", removed),
        list("changed", changed.map(|(name, _)| name).collect()),
    ];
    let parts = parts.into_iter().flatten().join("; ");
    (!parts.is_empty()).then(|| format!("{what}: {parts}"))
}
