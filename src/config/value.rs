//! The kinds of single values that the configuration is made of.
//!
//! Each is a newtype that is valid once it exists: it checks itself while it is read, so its
//! error has a place, and it tells the JSON Schema what it accepts. An error's second line is
//! advice.
//!
//! Knows neither where a value stands nor what the others are.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use chrono_tz::Tz;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use url::{Host, Url};

use super::cron::Cron;
use super::problem;
use crate::organization::{NameError, OrganizationId, Service};

/// A type that is written as one text, and what such texts are.
trait Written: FromStr<Err: fmt::Display> {
    /// What it is, for `expected …` and the reference: `a duration such as 15m`.
    const WHAT: &'static str;

    /// What the JSON Schema says beyond `WHAT`.
    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }
}

fn read<'de, T: Written, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Reading<T>(PhantomData<T>);

    impl<T: Written> de::Visitor<'_> for Reading<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(T::WHAT)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }

    deserializer.deserialize_str(Reading(PhantomData))
}

/// Gives a [`Written`] type the traits by which serde and schemars know it.
macro_rules! written {
    ($type:ty $(, $($generics:tt)*)?) => {
        impl<'de, $($($generics)*)?> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                read(deserializer)
            }
        }

        impl<$($($generics)*)?> JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let mut schema = <$type as Written>::schema();
                schema.insert("title".to_owned(), <$type as Written>::WHAT.into());
                schema
            }
        }
    };
}

impl Written for Cron {
    const WHAT: &'static str = "a cron schedule such as `0 * * * *`";
}
written!(Cron);

impl Serialize for Cron {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An IANA time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Zone(pub(crate) Tz);

impl Written for Zone {
    const WHAT: &'static str = "a time zone such as `Europe/Berlin`";
}
written!(Zone);

impl FromStr for Zone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| {
            let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
            let hint = match problem::nearest(text, names) {
                Some(name) => format!("did you mean `{name}`?"),
                None => "`UTC` or a name such as `Europe/Berlin`".to_owned(),
            };
            format!("`{text}` is not a time zone, expected an IANA name\n{hint}")
        })
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

/// A length of time, `LEAST` seconds or longer and at most a hundred years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period<const LEAST: u64>(pub(crate) Duration);

impl<const LEAST: u64> Period<LEAST> {
    const MOST: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

    pub(crate) const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl<const LEAST: u64> Written for Period<LEAST> {
    const WHAT: &'static str = "a duration such as `15m`";

    fn schema() -> Schema {
        // Bare numbers have no unit; only 0 needs none.
        json_schema!({ "type": ["string", "integer"], "maximum": 0, "minimum": 0 })
    }
}
written!(Period<LEAST>, const LEAST: u64);

impl<const LEAST: u64> FromStr for Period<LEAST> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const HINT: &str = "write a number and a unit: `90s`, `15m`, `24h`, `14d`";
        let period = humantime::parse_duration(text)
            .map_err(|error| format!("`{text}` is not a duration: {error}\n{HINT}"))?;
        if period < Duration::from_secs(LEAST) {
            return Err(format!(
                "`{text}` is too short, expected {} or longer",
                Self::seconds(LEAST)
            ));
        }
        if period > Self::MOST {
            return Err(format!("`{text}` is too long, expected 100 years or less"));
        }
        Ok(Self(period))
    }
}

impl<const LEAST: u64> fmt::Display for Period<LEAST> {
    /// In the largest unit that needs no fraction: `15m`, `24h`, `14d`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY: u64 = 24 * 3600;
        let seconds = self.0.as_secs();
        match seconds {
            _ if self.0.subsec_nanos() > 0 => write!(f, "{}", humantime::format_duration(self.0)),
            0 => f.write_str("0s"),
            _ if seconds.is_multiple_of(DAY) && seconds > DAY => write!(f, "{}d", seconds / DAY),
            _ if seconds.is_multiple_of(3600) => write!(f, "{}h", seconds / 3600),
            _ if seconds.is_multiple_of(60) && seconds > 60 => write!(f, "{}m", seconds / 60),
            _ => write!(f, "{seconds}s"),
        }
    }
}

impl<const LEAST: u64> Serialize for Period<LEAST> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A length of time, or for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    For(Period<0>),
    Forever,
}

impl Written for Patience {
    const WHAT: &'static str = "a duration such as `14d`, or `never`";

    fn schema() -> Schema {
        Period::<0>::schema()
    }
}
written!(Patience);

impl FromStr for Patience {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" { Ok(Self::Forever) } else { text.parse().map(Self::For) }
    }
}

impl Serialize for Patience {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::For(period) => period.serialize(serializer),
            Self::Forever => serializer.serialize_str("never"),
        }
    }
}

/// The root of a Codecov server, with a trailing `/` so that paths can be joined to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BaseUrl(pub(crate) Url);

impl BaseUrl {
    /// Whether what is sent there, such as the token, can be read on the way.
    pub(crate) fn is_exposed(&self) -> bool {
        let is_loopback = match self.0.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        self.0.scheme() == "http" && !is_loopback
    }
}

impl Written for BaseUrl {
    const WHAT: &'static str = "a URL such as `https://api.codecov.io`";
}
written!(BaseUrl);

impl FromStr for BaseUrl {
    type Err = String;

    /// Never quotes the URL: it may hold a password.
    fn from_str(text: &str) -> Result<Self, String> {
        const HINT: &str = "give the server's root, such as `https://api.codecov.io`";
        let mut url = Url::parse(text).map_err(|error| format!("not a URL: {error}\n{HINT}"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a URL with user name or password is refused\n\
                        put the token into a file and name it in `token_file`"
                .to_owned());
        }
        if !matches!(url.scheme(), "https" | "http") {
            return Err(format!("the scheme `{}` is not supported\n{HINT}", url.scheme()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!("a URL with `?` or `#` is refused\n{HINT}"));
        }
        let root = url.path().trim_end_matches('/');
        let root = root.strip_suffix("/api/v2").unwrap_or(root).trim_end_matches('/');
        let root = format!("{root}/");
        url.set_path(&root);
        Ok(Self(url))
    }
}

impl Serialize for BaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str().trim_end_matches('/'))
    }
}

/// The name of this installation: a part of event URIs and a metrics label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instance(pub(crate) String);

impl Written for Instance {
    const WHAT: &'static str = "a name such as `prod`";

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$" })
    }
}
written!(Instance);

impl FromStr for Instance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if starts && text.chars().all(allowed) && text.len() <= 63 {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "`{}` cannot name an instance, expected letters, digits, `.`, `-` and `_`, a letter \
             or digit first, at most 63\nthe name becomes a part of event URIs and of metrics",
            text.escape_debug()
        ))
    }
}

/// The name of an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable(pub(crate) String);

impl Written for Variable {
    const WHAT: &'static str = "the name of an environment variable";

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" })
    }
}
written!(Variable);

impl FromStr for Variable {
    type Err = &'static str;

    /// Never quotes the text: it may be the token itself.
    fn from_str(text: &str) -> Result<Self, &'static str> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if text.is_empty()
            || !text.chars().all(allowed)
            || text.starts_with(|c: char| c.is_ascii_digit())
        {
            return Err("not the name of an environment variable\n\
                        name the variable that holds the token, such as `CODECOV_TOKEN`; the \
                        token itself does not stand in this file");
        }
        Ok(Self(text.to_owned()))
    }
}

/// A git service, long or short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServiceName(pub(crate) Service);

impl Written for ServiceName {
    const WHAT: &'static str = "a git service such as `github`";
}
written!(ServiceName);

impl FromStr for ServiceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error| match near_service(text) {
            Some(hint) => format!("{error}\n{hint}"),
            None => format!("{error}"),
        })
    }
}

fn near_service(text: &str) -> Option<String> {
    let name = problem::nearest(text, Service::ALL.map(Service::word))?;
    Some(format!("did you mean `{name}`?"))
}

/// An organization in one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrganizationName(pub(crate) OrganizationId);

impl Written for OrganizationName {
    const WHAT: &'static str = "an organization such as `github/acme`";
}
written!(OrganizationName);

impl FromStr for OrganizationName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error| {
            let near = match &error {
                NameError::Service(service) => near_service(service),
                NameError::NoSlash(_) | NameError::Owner(_) => None,
            };
            near.map_or_else(|| error.to_string(), |hint| format!("{error}\n{hint}"))
        })
    }
}

/// What people call an organization; only shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label(pub(crate) String);

impl Written for Label {
    const WHAT: &'static str = "a text";
}
written!(Label);

impl FromStr for Label {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        if text.trim().is_empty() || text.contains(char::is_control) {
            return Err("not a label, expected one line of text");
        }
        Ok(Self(text.to_owned()))
    }
}

/// At how many used seats to warn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarnAt {
    /// At this part of the limit, 1–100.
    Percent(u64),
    /// At this number of seats.
    Seats(u64),
}

impl WarnAt {
    /// The number of used seats from which on to warn when `limit` seats are paid for.
    pub fn seats(self, limit: u64) -> u64 {
        match self {
            Self::Percent(percent) => limit.saturating_mul(percent).div_ceil(100),
            Self::Seats(seats) => seats,
        }
    }
}

impl Default for WarnAt {
    fn default() -> Self {
        Self::Percent(90)
    }
}

impl Written for WarnAt {
    const WHAT: &'static str = "a part of the limit such as `90%`, or a number of seats";

    fn schema() -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "minimum": 1,
            "pattern": "^([1-9][0-9]?|100)%$",
        })
    }
}
written!(WarnAt);

impl FromStr for WarnAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let warn_at = match text.strip_suffix('%') {
            Some(percent) => {
                percent.trim_end().parse().ok().filter(|p| (1..=100).contains(p)).map(Self::Percent)
            }
            None => text.parse().ok().filter(|seats| *seats >= 1).map(Self::Seats),
        };
        warn_at.ok_or_else(|| {
            format!("`{text}` is not {}, expected 1%–100% or 1 and more", Self::WHAT)
        })
    }
}

impl fmt::Display for WarnAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Seats(seats) => write!(f, "{seats}"),
        }
    }
}

impl Serialize for WarnAt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Within<const MIN: u64, const MAX: u64>(pub(crate) u64);

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Within<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading<const MIN: u64, const MAX: u64>;

        impl<const MIN: u64, const MAX: u64> de::Visitor<'_> for Reading<MIN, MAX> {
            type Value = u64;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number from {MIN} to {MAX}")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
                if (MIN..=MAX).contains(&number) {
                    return Ok(number);
                }
                Err(E::invalid_value(de::Unexpected::Unsigned(number), &self))
            }
        }

        deserializer.deserialize_u64(Reading::<MIN, MAX>).map(Self)
    }
}

impl<const MIN: u64, const MAX: u64> JsonSchema for Within<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("From{MIN}To{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let title = format!("a whole number from {MIN} to {MAX}");
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX, "title": title })
    }
}

/// How many times a second, above 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Rate(pub(crate) f64);

impl Rate {
    const MOST: u32 = 10_000;
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rate = f64::deserialize(deserializer)?;
        if rate > 0.0 && rate <= f64::from(Self::MOST) {
            return Ok(Self(rate));
        }
        let most = Self::MOST;
        Err(de::Error::custom(format!("found `{rate}`, expected a number above 0, up to {most}")))
    }
}

impl JsonSchema for Rate {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": Self::MOST,
            "title": format!("a number above 0, up to {}", Self::MOST),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_they_are_read() {
        for text in ["0s", "60s", "15m", "24h", "14d", "400d", "90s", "1h"] {
            assert_eq!(text.parse::<Period<0>>().unwrap().to_string(), text);
        }
        assert_eq!("0".parse::<Period<0>>().unwrap().0, Duration::ZERO);
        for text in ["15", "", "soon", "-1s", "1000000years", "99999999999999999999s"] {
            assert!(text.parse::<Period<0>>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_base_url_is_the_servers_root() {
        let root = |text: &str| text.parse::<BaseUrl>().unwrap().0.to_string();
        for text in ["https://cov.test", "https://cov.test/", "https://cov.test/api/v2"] {
            assert_eq!(root(text), "https://cov.test/");
        }
        for text in
            ["https://cov.test/a/b", "https://cov.test/a/b/", "https://cov.test/a/b/api/v2/"]
        {
            assert_eq!(root(text), "https://cov.test/a/b/");
        }
        for text in
            ["cov.test", "ftp://cov.test", "https://", "https://u:p@cov.test", "https://c/?a"]
        {
            let error = text.parse::<BaseUrl>().unwrap_err();
            assert!(!error.contains("u:p"), "{error}");
        }
    }

    #[test]
    fn what_others_on_the_network_could_read_is_exposed() {
        let is_exposed = |text: &str| text.parse::<BaseUrl>().unwrap().is_exposed();
        for text in ["https://cov.test", "http://127.0.0.1:80", "http://[::1]", "http://localhost"]
        {
            assert!(!is_exposed(text), "{text}");
        }
        for text in ["http://cov.test", "http://10.0.0.1", "http://localhost.cov.test"] {
            assert!(is_exposed(text), "{text}");
        }
    }

    #[test]
    fn a_warning_is_due_at_a_part_of_the_limit_or_at_a_number() {
        let seats = |text: &str, limit| text.parse::<WarnAt>().unwrap().seats(limit);
        assert_eq!(seats("90%", 50), 45);
        assert_eq!(seats("90%", 51), 46);
        assert_eq!(seats("40", 50), 40);
        for text in ["0%", "101%", "0", "-3", "x", "%", "9.5%"] {
            assert!(text.parse::<WarnAt>().is_err(), "{text}");
        }
    }
}
