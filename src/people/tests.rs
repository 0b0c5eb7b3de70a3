use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::time::Instant;

use itertools::Itertools as _;
use nix::sys::resource::{UsageWho, getrusage};

use super::*;
use crate::exit::Failure;
use crate::organization::OrganizationId;
use crate::roster::{Member, Roster};

/// A list that is read: who is in it, and the warnings. Otherwise what went wrong and what to do.
fn told(bytes: &[u8], columns: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("people");
    fs::write(&path, bytes).unwrap();
    told_of(&path, columns)
}

fn told_of(path: &Path, columns: &str) -> String {
    let columns: Option<Columns> = (!columns.is_empty()).then(|| columns.parse().unwrap());
    match read(path, columns.as_ref()) {
        Ok(people) => {
            let person = |person: Person<'_>| {
                let (emails, usernames) = (person.emails().join(" "), person.usernames().join(" "));
                let name = person.name().unwrap_or_default();
                format!("{}: {emails}|{usernames}|{name}", person.number)
            };
            let warnings = people.warnings().iter().map(|warning| format!("warning: {warning}"));
            people.iter().map(person).chain(warnings).join("\n")
        }
        Err(error) => {
            let name = PathBuf::from(path.file_name().unwrap());
            let error = Error { path: name, ..error };
            let failure = Failure::from(&error);
            format!("{:?} {failure}", failure.exit)
        }
    }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(told(text.as_bytes(), ""), expected, "{text:?}");
}

#[test]
fn csv_is_read_however_it_is_written() {
    let ann = "2: ann@x|ann|Ann";
    check("email,username,name\nann@x,ann,Ann\n", ann);
    check("Name;E-Mail;GitHub Login\r\nAnn;ann@x;ann\r\n", ann);
    check("name\tmail\tuser\nAnn\tann@x\tann", ann);
    check("\u{feff}email,username,name\nann@x,ann,Ann", ann);
    check("\"email\",\"username\",\"first, last;name\",name\nann@x,ann,x,\"Ann\"", ann);
    check("email,username,name,note\nann@x,ann,Ann,\"two\nlines; \"\"quoted\"\"\"\n", ann);
    check("\n\n email , USER_NAME ,Full Name\n\n\n ANN@x , @Ann , Ann \n,,\n", "2: ann@x|ann|Ann");
    check("email\nann@x", "2: ann@x||");
    check("sep=;\nemail;username;name\nann@x;ann;Ann\n", "3: ann@x|ann|Ann");
    check("email,name,name\nann@x,Ann,Albers\n", "2: ann@x||Ann Albers");
    check("\"a;b;c;d\",email,user\n;;;;;,ann@x,ann\n", "2: ann@x|ann|");
    check(
        "email,username\nann@x\nbob@x,bob,x,y",
        "2: ann@x||\n3: bob@x|bob|\nwarning: 1 row with more cells than the header, as a separator in a text without quotes makes them; the first is row 3\nwarning: 1 row with too few cells for the columns that matter; the first is row 2",
    );
}

#[test]
fn json_is_read_as_an_array_or_in_an_object() {
    check(r#"[{"email":"ann@x","login":"ann","name":"Ann"}]"#, "1: ann@x|ann|Ann");
    check(r#" {"total":1,"users":[{"mail":"ann@x","id":{"a":[1]}}],"next":null}"#, "1: ann@x||");
    check(r#"[{"email":null,"username":7},{"email":"a@x","more":[]}]"#, "1: |7|\n2: a@x||");
}

#[test]
fn lists_are_read_in_the_encodings_that_programs_write() {
    let text = "email,name\nzoe@x,Zoë";
    let utf16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(bytes).collect()
    };
    assert_eq!(told(&utf16(u16::to_le_bytes), ""), "2: zoe@x||Zoë");
    assert_eq!(told(&utf16(u16::to_be_bytes), ""), "2: zoe@x||Zoë");
    assert_eq!(
        told(b"email,name\nzoe@x,Zo\xeb", ""),
        "2: zoe@x||Zoë\nwarning: is not UTF-8, read as Windows-1252: letters beyond ASCII may be wrong"
    );
    // A character whose bytes the reader gets in two pieces.
    let long = format!("email,name\nzoe@x,{}ë", "x".repeat((1 << 16) - 18));
    assert_eq!(long.len(), (1 << 16) + 1);
    assert!(!told(long.as_bytes(), "").contains("warning"));
}

#[test]
fn cells_are_what_they_look_like() {
    check(
        "email\nann@x; bob@x,cat@x",
        "2: ann@x bob@x||\nwarning: 1 row with more cells than the header, as a separator in a text without quotes makes them; the first is row 2",
    );
    check("email;username\nann@x b@x,ann@X;\"ann, @Bot\"", "2: ann@x b@x|ann bot|");
    check("email\nAnn A <ann@x>; mailto:b@x; 'c@x'", "2: ann@x b@x c@x||");
    check("email,upn\nann@x,Ann@x\n\u{a0}bob@x\u{200b},b@y", "2: ann@x||\n3: bob@x b@y||");
    let odd = "email,username\n-,ann@x\nann@x,https://github.com/ann\nn/a,?\nbob@x,bob\n";
    insta::assert_snapshot!(told(odd.as_bytes(), ""));
}

#[test]
fn who_is_listed_twice_is_there_once_and_nobody_is_lost() {
    let twice = "email,username,name\nbob@x,,Bob\nAnn@x,ann,Ann\nann@x,ANN,Ann\nann@x,,Bea\n,,Nobody\n,,Nobody\nann@x,ann,Ann\n";
    insta::assert_snapshot!(told(twice.as_bytes(), ""));
}

#[test]
fn columns_can_be_named_and_only_those_are_read() {
    let text = "Email;Mail, new;GitHub;Who\nprivate@x;ann@x;ann;Ann\n";
    let told = |columns| told(text.as_bytes(), columns);
    assert_eq!(told(""), "2: private@x|ann|");
    assert_eq!(told("email=\"mail, new\",name=Who"), "2: ann@x||Ann");
    assert_eq!(told("email=Email,email=\"Mail, new\",username=github"), "2: private@x ann@x|ann|");
    insta::assert_snapshot!(told("email=Mail"));
    insta::assert_snapshot!(told("username=Git Hub,name=Whom"));
}

#[test]
fn what_is_no_list_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    nix::unistd::mkfifo(&path("pipe"), nix::sys::stat::Mode::S_IRUSR).unwrap();
    fs::create_dir(path("directory")).unwrap();
    let file = |name: &str, bytes: &[u8]| fs::write(path(name), bytes).unwrap();
    let many = (0..30).map(|number| format!("Column {number} {}", "x".repeat(50))).join(";");
    let crowd = (0..200).map(|number| format!("{number}@x\n")).join("");
    let files: [(&str, Vec<u8>); 20] = [
        ("empty", Vec::new()),
        ("blank", b"\xef\xbb\xbf \n\n".to_vec()),
        ("only-separators", b",,\n,\n".to_vec()),
        ("only-a-header", b"email,username\n".to_vec()),
        ("nothing-to-tell-by", b"email,name\n-,Ann\n,Bob\n".to_vec()),
        ("no-header", b"ann@x\nbob@x\n".to_vec()),
        ("other-columns", b"Name,Team,\xe2\x80\xaee\n".to_vec()),
        ("many-columns", many.into_bytes()),
        ("zeroes", vec![0; 100]),
        ("rubbish", b"\x93\xfe\x01\x8c;\x7f\n".to_vec()),
        ("people.xlsx", b"PK\x03\x04\x14\x00".to_vec()),
        ("people.xls", b"\xd0\xcf\x11\xe0\xa1".to_vec()),
        ("open-quote", format!("email,name\n\"{crowd}").into_bytes()),
        ("no-array.json", b"{\"email\": \"ann@x\"}".to_vec()),
        ("two-arrays.json", b"{\"a\": [], \"b\": [{}]}".to_vec()),
        ("empty.json", b"[]".to_vec()),
        ("texts.json", b"[\"ann@x\"]".to_vec()),
        ("nested.json", b"[\n  {\"email\": [\"ann@x\"]}\n]".to_vec()),
        ("cut.json", b"[{\"email\": \"ann@x\"},\n {\"email\"".to_vec()),
        ("other-keys.json", b"[{\"id\": 1, \"title\": {}}]".to_vec()),
    ];
    for (name, bytes) in &files {
        file(name, bytes);
    }
    let names = files.iter().map(|(name, _)| *name);
    let all = ["missing", "directory", "pipe", "empty/x"].into_iter().chain(names);
    insta::assert_snapshot!(all.map(|name| told_of(&path(name), "")).join("\n\n"));
    assert!(matches!(
        read("/dev/zero".as_ref(), None),
        Err(Error { kind: ErrorKind::NotRegular, .. })
    ));
}

#[test]
fn a_row_without_an_end_is_refused() {
    let endless = format!("email,name\nann@x,\"{}", "bob@x,Bob\n".repeat(200_000));
    insta::assert_snapshot!(told(endless.as_bytes(), ""));
    // It is not read up to its end first: this one has none.
    let start = b"email,name\nann@x,Ann\nbob@x,\"";
    let read = table::read(start, std::io::repeat(b'x'), None, &mut Gathering::new(10));
    assert_eq!(read.unwrap_err().to_string(), "row 3 is longer than any person's");
}

#[test]
fn more_rows_than_people_are_refused() {
    let read = |most_rows| {
        let mut gathering = Gathering::new(most_rows);
        let text = "email\nann@x\nbob@x\n";
        table::read(text.as_bytes(), std::io::empty(), None, &mut gathering)
    };
    assert!(read(2).is_ok());
    assert_eq!(read(1).unwrap_err().to_string(), "has more than 1 rows");
}

#[test]
fn a_file_that_cannot_be_read_ends_with_the_code_for_that() {
    let exit = |number| {
        let kind = ErrorKind::Unreadable(std::io::Error::from_raw_os_error(number));
        let error = Error { path: "people.csv".into(), kind };
        (error.to_string(), Failure::from(&error).exit, error.hint())
    };
    insta::assert_debug_snapshot!([nix::libc::EACCES, nix::libc::EIO].map(exit));
}

#[test]
fn a_file_that_is_too_large_is_refused_unread() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(2 << 30).unwrap();
    let error = read(file.path(), None).unwrap_err();
    assert!(error.to_string().ends_with(": is larger than 1024 MiB"), "{error}");
}

/// Run it alone, for the memory is that of the process:
/// `cargo test -p seatwatch --lib people::tests::much -- --ignored --nocapture`
#[test]
#[ignore = "a measurement: a million rows next to half a million members"]
#[expect(clippy::print_stderr, reason = "the figures are what it is for")]
fn much_is_compared_in_little_memory() {
    let file = tempfile::NamedTempFile::new().unwrap();
    write_a_million(file.as_file());
    let ids: Vec<OrganizationId> =
        (0..5).map(|number| format!("github/org-{number}").parse().unwrap()).collect();
    let rosters: Vec<Roster> = (0..5).map(a_large_roster).collect();
    let organizations: Vec<_> = ids.iter().zip(&rosters).collect();
    let peak_mib = || getrusage(UsageWho::RUSAGE_SELF).unwrap().max_rss() / 1024;
    let before_mib = peak_mib();
    let start = Instant::now();
    let people = read(file.path(), None).unwrap();
    eprintln!("read in {:?}, peak {} MiB more", start.elapsed(), peak_mib() - before_mib);
    let start = Instant::now();
    let comparison = compare(&organizations, &people);
    let more_mib = peak_mib() - before_mib;
    eprintln!("compared in {:?}, peak {more_mib} MiB more", start.elapsed());
    assert_eq!(comparison.listed.with_access + comparison.listed.no_access, 1_000_000);
    assert!(more_mib < 512);
}

fn write_a_million(file: &fs::File) {
    let mut file = BufWriter::new(file);
    writeln!(file, "Employee,Full Name,E-Mail,GitHub login,Department").unwrap();
    for number in 0..1_000_000 {
        let (name, email) = (format!("Person {number}"), format!("person.{number}@example.com"));
        writeln!(file, "{number},{name},{email},login-{number},Redundancy").unwrap();
    }
    file.flush().unwrap();
}

/// Half of its members have an address, and a fifth usernames that nobody else knows.
fn a_large_roster(number: usize) -> Roster {
    let member = |index: usize| {
        let person = number * 50_000 + index * 3;
        let email = format!("Person.{person}@Example.com");
        let email = person.is_multiple_of(2).then_some(&*email);
        let prefix = if person.is_multiple_of(5) { "Other" } else { "Login" };
        let username = format!("{prefix}-{person}");
        Member::new(&username, None, email, person.is_multiple_of(7), false)
    };
    Roster::new((0..100_000).map(member).collect(), Vec::new()).unwrap()
}
