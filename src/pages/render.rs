//! The templates, which are a part of the program.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{
    AutoEscape, Environment, HtmlEscape, UndefinedBehavior, Value, context, escape_formatter,
};

use super::Frame;

/// Puts a page together.
pub(super) fn render(
    template: &str,
    frame: &Frame,
    model: Value,
) -> Result<String, minijinja::Error> {
    let template = TEMPLATES.get_template(template)?;
    template.render(context! { frame => Value::from(Serde(frame)), ..model })
}

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
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
    for (name, source) in [
        ("frame.html", include_str!("templates/frame.html")),
        ("parts.html", include_str!("templates/parts.html")),
        ("overview.html", include_str!("templates/overview.html")),
        ("organization.html", include_str!("templates/organization.html")),
        ("member.html", include_str!("templates/member.html")),
        ("missing.html", include_str!("templates/missing.html")),
    ] {
        environment.add_template(name, source).expect("tests render them all");
    }
    environment
});
