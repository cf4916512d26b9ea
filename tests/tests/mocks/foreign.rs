//! Secrets in messages that the option `extern_path` takes from elsewhere: generated ones, which
//! know what is secret in them, and hand-written ones, which do not.

use std::fs;

use rust_scaffold::{Redact as _, prost::Message as _};
use rust_scaffold_tests::{
    foreign::foreign::{Book, MockOffice, Seat, Stub, Ticket, seat, stub, ticket::By},
    hand::{Id, Serial, XYToken},
    redaction::vault::Key,
};

const SECRET: &str = "hunter2";

fn key(id: &str) -> Key {
    Key { id: id.into(), secret: SECRET.into(), parent: None }
}

fn token() -> XYToken {
    XYToken { holder: "bob".into(), secret: SECRET.into() }
}

fn ticket(by: By) -> Ticket {
    Ticket {
        holder: Some("ada".into()),
        key: Some(key("front")),
        spares: vec![key("spare")],
        named: [("cellar".to_owned(), key("cellar"))].into(),
        token: token(),
        former: vec![token()],
        numbered: [(1, token())].into(),
        whole: Some(token()),
        by: Some(by),
    }
}

fn tickets() -> [Ticket; 3] {
    [By::Master(key("master")), By::Once(token()), By::Id(Id { number: 0.5 })].map(ticket)
}

fn is_in(bytes: &[u8]) -> bool {
    bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes())
}

#[test]
fn a_type_that_knows_its_secrets_is_shown_without_them_and_another_is_not_shown() {
    let [master, once, id] = tickets().map(|ticket| format!("{ticket:?}"));
    for shown in [&master, &once, &id] {
        assert!(!shown.contains(SECRET) && !shown.contains("bob"), "{shown}");
        assert!(shown.contains("key: Some(Key { id: \"front\", secret: [REDACTED]"), "{shown}");
        assert!(shown.contains("spares: [Key { id: \"spare\", secret: [REDACTED]"), "{shown}");
        assert!(shown.contains("token: [REDACTED], former: [REDACTED]"), "{shown}");
    }
    assert!(master.contains("Master(Key { id: \"master\", secret: [REDACTED]"), "{master}");
    assert!(once.contains("Once([REDACTED])"), "{once}");
    assert!(id.contains("Id(Id { number: 0.5 })"), "{id}");
    let book = Book { tickets: tickets().into(), stamp: None };
    assert!(!format!("{book:?}").contains(SECRET));
}

#[test]
fn redaction_reaches_into_messages_of_others() {
    let mut book = Book { tickets: tickets().into(), stamp: None };
    assert!(is_in(&book.encode_to_vec()));
    book.redact();
    assert!(!is_in(&book.encode_to_vec()));
    let ticket = &book.tickets[0];
    assert_eq!(ticket.holder.as_deref(), Some("ada"));
    assert_eq!(ticket.key.as_ref().map(|key| key.id.as_str()), Some("front"));
    assert_eq!((ticket.former.len(), ticket.numbered.len()), (1, 1), "that they are there is not");
    assert_eq!(ticket.token, XYToken::default(), "nobody knows what in it is no secret");
    assert_eq!(book.tickets[2].by, Some(By::Id(Id { number: 0.5 })));
}

/// The texts of base64 that hold the secret, at any of its three offsets.
const ENCODED: [&str; 3] = ["aHVudGVyM", "h1bnRlcj", "odW50ZXIy"];

#[tokio::test]
async fn tapes_are_without_secrets_of_messages_of_others_and_can_be_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("office.jsonl");
    let mock = MockOffice::new();
    let _ = mock.record(&path).unwrap();
    mock.on_sell().returns(key("sold"));
    mock.on_check().returns(ticket(By::Once(token())));
    for ticket in tickets() {
        mock.client().sell(ticket).await.unwrap();
    }
    mock.client().check(token()).await.unwrap();
    drop(mock);
    let tape = fs::read_to_string(&path).unwrap();
    assert_eq!(tape.lines().count(), 4);
    assert!(!tape.contains(SECRET) && !ENCODED.iter().any(|part| tape.contains(part)), "{tape}");

    let replayed = MockOffice::replay(&path).unwrap();
    for ticket in tickets() {
        let key = replayed.client().sell(ticket).await.unwrap().into_inner();
        assert_eq!((key.id.as_str(), key.secret.as_slice()), ("sold", &b""[..]));
    }
    replayed.client().check(token()).await.unwrap();
    replayed.verify();
}

#[test]
fn of_a_message_of_others_only_what_is_said_is_assumed() {
    fn all<T: Copy + Eq + std::hash::Hash>(_: &T) {}
    let serial = Serial { number: 7 };
    all(&Stub { serial: Some(serial), place: Some(stub::Place::Near(serial)) });
    let id = Id { number: 0.5 };
    let seat = Seat { id: Some(id.clone()), row: None, place: Some(seat::Place::Near(id)) };
    assert_eq!(Seat::decode(seat.encode_to_vec().as_slice()).unwrap(), seat);
}
