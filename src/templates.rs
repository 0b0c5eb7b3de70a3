//! How templates are read and what is escaped: the same for pages, reports and charts.

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, HtmlEscape, UndefinedBehavior, escape_formatter};

/// Templates that are a part of the program, by name; tests render them all.
pub(crate) fn environment(templates: &[(&'static str, &'static str)]) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_formatter(|output, state, value| match value.as_str() {
        // What there is not is a gap, and not the word `none`.
        None if value.is_none() => Ok(()),
        // Slashes stay what they are: they can do no harm between tags or in quotes, and commands
        // and links stay readable in the source.
        Some(text) if !value.is_safe() => {
            let escaped = HtmlEscape(text).to_string().replace("&#x2f;", "/");
            output.write_str(&escaped).map_err(minijinja::Error::from)
        }
        _ => escape_formatter(output, state, value),
    });
    let mut syntax = SyntaxConfig::builder();
    let syntax = syntax.trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("only white space is treated otherwise"));
    for (name, source) in templates {
        environment.add_template(name, source).expect("tests render them all");
    }
    environment
}
