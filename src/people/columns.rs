//! Which columns of a list are read, and for what.
//!
//! Pure: knows names of columns and nothing of what is in them.

use std::ops::BitOr;
use std::str::FromStr;

use super::error::ErrorKind;
use crate::config::did_you_mean;

/// What a column is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Email,
    Username,
    Name,
}

/// The word of each in `--columns`, and the usual names of its columns: letters and digits alone.
///
/// Those of exports (Google Workspace says `Email Address [Required]`, Entra ID
/// `userPrincipalName`, Okta `secondEmail`), and what people call such a column themselves.
const ROLES: [(Role, &str, &[&str]); 3] = [
    (
        Role::Email,
        "email",
        &[
            "email",
            "emails",
            "mail",
            "emailaddress",
            "emailaddresses",
            "emailaddressrequired",
            "mailaddress",
            "workemail",
            "workmail",
            "workemailaddress",
            "businessemail",
            "companyemail",
            "corporateemail",
            "primaryemail",
            "primaryemailaddress",
            "secondemail",
            "secondaryemail",
            "alternateemail",
            "otheremail",
            "userprincipalname",
            "upn",
        ],
    ),
    (
        Role::Username,
        "username",
        &[
            "username",
            "usernames",
            "user",
            "userlogin",
            "login",
            "loginname",
            "account",
            "accountname",
            "handle",
            "github",
            "githubuser",
            "githubusername",
            "githublogin",
            "githubaccount",
            "githubhandle",
            "gitlab",
            "gitlabuser",
            "gitlabusername",
            "gitlablogin",
            "gitlabaccount",
            "bitbucket",
            "bitbucketuser",
            "bitbucketusername",
            "bitbucketaccount",
            "codecovusername",
        ],
    ),
    (
        Role::Name,
        "name",
        &["name", "fullname", "displayname", "employee", "employeename", "person", "personname"],
    ),
];

/// Everything that one column is read for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Roles {
    pub(super) email: bool,
    pub(super) username: bool,
    pub(super) name: bool,
}

impl From<Role> for Roles {
    fn from(role: Role) -> Self {
        let is = |wanted| role == wanted;
        Self { email: is(Role::Email), username: is(Role::Username), name: is(Role::Name) }
    }
}

impl BitOr for Roles {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self {
            email: self.email | other.email,
            username: self.username | other.username,
            name: self.name | other.name,
        }
    }
}

impl Roles {
    pub(super) fn is_any(self) -> bool {
        self != Self::default()
    }

    fn tells_people_apart(self) -> bool {
        self.email || self.username
    }
}

/// What the columns of a list are called: `email=Mail,username="GitHub login",name=Full Name`.
///
/// A key may be there more than once, and one column may serve several keys. What is not named is
/// not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns(Vec<(Role, String)>);

/// Why a text does not say what the columns are called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnsError {
    /// A part is not `KEY=COLUMN`.
    #[error(
        "`{0}` is not KEY=COLUMN, such as `email=Mail`; a column with a comma goes in double quotes"
    )]
    NotAPair(String),
    /// Not one of the three keys.
    #[error("`{word}` is not a key; {hint}")]
    UnknownKey {
        /// What stands before the `=`.
        word: String,
        /// Which keys there are.
        hint: String,
    },
    /// Nobody can be told by a name.
    #[error("it names neither `email` nor `username`, and a name tells nobody for certain")]
    NothingToTellBy,
}

impl FromStr for Columns {
    type Err = ColumnsError;

    fn from_str(text: &str) -> Result<Self, ColumnsError> {
        let parts = split_outside_quotes(text).filter(|part| !part.is_empty());
        let columns = Self(parts.map(pair).collect::<Result<_, _>>()?);
        if columns.0.iter().any(|(role, _)| Roles::from(*role).tells_people_apart()) {
            Ok(columns)
        } else {
            Err(ColumnsError::NothingToTellBy)
        }
    }
}

/// The parts between commas, but for commas between double quotes.
fn split_outside_quotes(text: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let is_end = move |c| {
        is_quoted ^= c == '"';
        c == ',' && !is_quoted
    };
    text.split(is_end).map(str::trim)
}

fn pair(part: &str) -> Result<(Role, String), ColumnsError> {
    let not_a_pair = || ColumnsError::NotAPair(part.to_owned());
    let (word, column) = part.split_once('=').ok_or_else(not_a_pair)?;
    let (word, column) = (word.trim(), column.trim());
    let quoted = column.strip_prefix('"').and_then(|column| column.strip_suffix('"'));
    let column = quoted.unwrap_or(column).trim();
    if column.is_empty() {
        return Err(not_a_pair());
    }
    let is_meant = |(_, key, _): &&(Role, &str, _)| word.eq_ignore_ascii_case(key);
    let (role, ..) = ROLES.iter().find(is_meant).ok_or_else(|| ColumnsError::UnknownKey {
        word: word.to_owned(),
        hint: did_you_mean(word, &ROLES.map(|(_, key, _)| key)),
    })?;
    Ok((*role, column.to_owned()))
}

/// What a column of that name is read for: as `columns` says, or where nothing was said as its
/// name does. Letter case, spaces and punctuation do not count.
pub(super) fn roles(columns: Option<&Columns>, name: &str) -> Roles {
    let plain = plain(name);
    let of_name = |(role, _, usual): &(Role, &str, &[&str])| {
        usual.contains(&&*plain).then_some(Roles::from(*role))
    };
    let of_columns = |(role, column): &(Role, String)| is_called(name, column).then_some(*role);
    match columns {
        None => ROLES.iter().find_map(of_name).unwrap_or_default(),
        Some(Columns(pairs)) => pairs
            .iter()
            .filter_map(of_columns)
            .fold(Roles::default(), |roles, role| roles | role.into()),
    }
}

/// Refuses a list whose columns, which are these, are not those that are needed.
pub(super) fn check<'a>(
    columns: Option<&Columns>,
    found: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), ErrorKind> {
    let missing = match columns {
        None if found.clone().any(|name| roles(None, name).tells_people_apart()) => return Ok(()),
        None => None,
        Some(Columns(pairs)) => {
            let is_missing = |column: &&str| !found.clone().any(|name| is_called(name, column));
            match pairs.iter().map(|(_, column)| &**column).find(is_missing) {
                None => return Ok(()),
                missing => missing.map(str::to_owned),
            }
        }
    };
    let found = found.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    Err(match missing {
        None => ErrorKind::NoKnownColumn { found },
        Some(column) => ErrorKind::NoSuchColumn { column, found },
    })
}

fn is_called(name: &str, column: &str) -> bool {
    let (plain_name, plain_column) = (plain(name), plain(column));
    name.trim() == column || (!plain_name.is_empty() && plain_name == plain_column)
}

/// Letters and digits in lower case.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use itertools::Itertools as _;

    use super::*;

    #[track_caller]
    fn check(text: &str, told: &str) {
        let columns = text.parse::<Columns>().map(|Columns(pairs)| {
            pairs.iter().map(|(role, column)| format!("{role:?}={column}")).join("|")
        });
        assert_eq!(columns.unwrap_or_else(|error| error.to_string()), told);
    }

    #[test]
    fn a_mapping_is_read_as_it_is_written_on_a_command_line() {
        check("email=Mail", "Email=Mail");
        check(
            "email=Mail,username=\"GitHub login\",name=Full Name",
            "Email=Mail|Username=GitHub login|Name=Full Name",
        );
        check(" Email = \"Mail, work\" , email=Mail 2,", "Email=Mail, work|Email=Mail 2");
        check("username==x", "Username==x");
    }

    #[test]
    fn a_mapping_that_is_none_says_what_one_is() {
        let wrong = ["", "name=Name", "Mail", "email=", "email=\"\"", "mail=Mail", "id=Id"];
        let told = wrong.map(|text| text.parse::<Columns>().unwrap_err().to_string());
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn usual_names_are_known_in_every_spelling() {
        let role = |name| {
            let Roles { email, username, name } = roles(None, name);
            ["email", "username", "name"].into_iter().zip([email, username, name])
        };
        let told = |name| role(name).filter_map(|(word, is)| is.then_some(word)).join(",");
        for name in ["E-Mail", " mail_address ", "userPrincipalName", "Email Address [Required]"] {
            assert_eq!(told(name), "email", "{name}");
        }
        for name in ["Login", "GitHub username", "user_name", "ACCOUNT"] {
            assert_eq!(told(name), "username", "{name}");
        }
        assert_eq!(told("Display Name"), "name");
        for name in ["", "#", "Department", "email status", "given name"] {
            assert_eq!(told(name), "", "{name}");
        }
    }
}
