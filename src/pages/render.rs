//! The templates, which are a part of the program.

use std::sync::LazyLock;

use minijinja::value::Serde;
use minijinja::{Environment, Value, context};

use super::Frame;
use crate::templates::environment;
use crate::text::grouped;

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
    let mut templates = environment(&[
        ("frame.html", include_str!("templates/frame.html")),
        ("parts.html", include_str!("templates/parts.html")),
        ("overview.html", include_str!("templates/overview.html")),
        ("organization.html", include_str!("templates/organization.html")),
        ("member.html", include_str!("templates/member.html")),
        ("missing.html", include_str!("templates/missing.html")),
    ]);
    templates.add_filter("grouped", |number: u64| grouped(number));
    templates
});
