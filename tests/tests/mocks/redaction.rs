//! Fields that a proto marks with `debug_redact`.

use std::fs;

use rust_scaffold::{
    Redact as _, Request, Response, Status, Streaming, metadata::MetadataValue, mock::starts_with,
    prost::Message as _,
};
use rust_scaffold_tests::redaction::{
    redaction::{
        Gate, Login, MockGate, Plain, Session,
        gate_mock::like,
        login::{Proof, Strength},
        session::Origin,
    },
    vault::Key,
};

use crate::messages::verdict_of;

const SECRET: &str = "hunter2";

fn key() -> Key {
    let parent = Key { id: "parent".into(), secret: SECRET.into(), parent: None };
    Key { id: "child".into(), secret: SECRET.into(), parent: Some(parent.into()) }
}

#[allow(deprecated, reason = "the proto has a field that is")]
fn login() -> Login {
    Login {
        user: Some("ada".into()),
        password: Some(SECRET.into()),
        pin: 4711,
        keys: vec![SECRET.into()],
        answers: [(SECRET.to_owned(), SECRET.to_owned())].into(),
        r#type: Some(Strength::Strong.into()),
        least: Strength::Strong.into(),
        past: vec![Strength::Weak.into(), 7],
        by_site: [("example.com".to_owned(), Strength::Strong.into())].into(),
        hidden: Some(Strength::Strong.into()),
        hint: Some(SECRET.into()),
        behalf_of: None,
        plain: Some(Plain { text: Some("shown".into()) }),
        proof: Some(Proof::Code(SECRET.into())),
    }
}

fn session() -> Session {
    Session {
        key: Some(key()),
        former: vec![key()],
        by_device: [(1, key())].into(),
        user: Some("ada".into()),
        origin: Some(Origin::Login(login())),
    }
}

/// As tapes have it, but for its padding.
fn base64(bytes: &[u8]) -> String {
    let value = MetadataValue::from_bytes(bytes);
    String::from_utf8(value.as_encoded_bytes().to_vec()).unwrap()
}

fn is_on(bytes: &[u8]) -> bool {
    bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes())
}

#[test]
fn debug_shows_everything_else() {
    assert_eq!(
        format!("{:?}", login()),
        "Login { user: Some(\"ada\"), password: [REDACTED], pin: [REDACTED], keys: [REDACTED], \
         answers: [REDACTED], type: Some(Strong), least: Strong, past: [Weak, 7], \
         by_site: {\"example.com\": Strong}, hidden: [REDACTED], hint: [REDACTED], \
         behalf_of: None, plain: Some(Plain { text: Some(\"shown\") }), \
         proof: Some(Code([REDACTED])) }"
    );
    assert_eq!(format!("{:?}", Proof::Strength(1)), "Strength(Strong)");
    assert_eq!(format!("{:?}", Proof::Trusted(true)), "Trusted(true)");
    assert!(!format!("{:?}", session()).contains(SECRET));
}

#[test]
fn redaction_reaches_whatever_a_message_holds_and_keeps_the_rest() {
    let mut session = session();
    assert!(is_on(&session.encode_to_vec()));
    session.redact();
    assert!(!is_on(&session.encode_to_vec()));
    let key = session.key.unwrap();
    assert_eq!((key.id.as_str(), key.parent.unwrap().id.as_str()), ("child", "parent"));
    let Some(Origin::Login(login)) = session.origin else { panic!("a login") };
    assert_eq!(login.user.as_deref(), Some("ada"));
    assert_eq!(login.password.as_deref(), Some(""), "that it is set is no secret");
    assert_eq!((login.pin, login.keys.len(), login.answers.len()), (0, 0, 0));
    assert_eq!(login.proof, Some(Proof::Code(String::new())));
}

struct Door;

impl Gate for Door {
    async fn sign_in(&self, request: Request<Login>) -> Result<Response<Session>, Status> {
        match request.get_ref().password.as_deref() {
            Some("") => Err(Status::unauthenticated("no password")),
            _ => Ok(Response::new(session())),
        }
    }

    async fn watch(
        &self,
        request: Request<Streaming<Session>>,
    ) -> Result<Response<Streaming<Session>>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn ping(&self, request: Request<Plain>) -> Result<Response<Plain>, Status> {
        Ok(Response::new(request.into_inner()))
    }
}

async fn talk(mock: &MockGate) -> Session {
    let client = mock.client();
    let mut watched = client.watch(Streaming::from_iter([session()])).await.unwrap().into_inner();
    assert!(watched.message().await.unwrap().is_some());
    assert!(watched.message().await.unwrap().is_none());
    client.sign_in(login()).await.unwrap().into_inner()
}

#[tokio::test]
async fn tapes_are_without_secrets_and_replayed_to_calls_that_have_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gate.jsonl");
    let spy = MockGate::spy(Door);
    let _ = spy.record(&path).unwrap();
    talk(&spy).await;
    let tape = fs::read_to_string(&path).unwrap();
    assert_eq!(tape.lines().count(), 2);
    let redacted = {
        let mut login = login();
        login.redact();
        login.encode_to_vec()
    };
    assert!(tape.contains(&base64(&redacted)), "{tape}");
    assert!(!tape.contains(SECRET) && !tape.contains(&base64(&login().encode_to_vec())), "{tape}");

    let replayed = MockGate::replay(&path).unwrap();
    let session = talk(&replayed).await;
    assert_eq!(session.user.as_deref(), Some("ada"));
    assert_eq!(session.key.unwrap().secret, b"");
    replayed.verify();

    let other = MockGate::replay(&path).unwrap();
    let _ = other.client().sign_in(Login { pin: 1, ..Login::default() }).await.unwrap_err();
    let verdict = verdict_of(other);
    assert!(verdict.contains("user: expected \"ada\", got None"), "{verdict}");
    assert!(!verdict.contains("pin: expected"), "{verdict}");
}

#[tokio::test]
async fn a_tape_with_secrets_can_be_held_against_a_server_that_wants_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gate.jsonl");
    let spy = MockGate::spy(Door);
    let _ = spy.record(&path).unwrap();
    talk(&spy).await;
    let error = MockGate::verify_tape(&path, Door).await.unwrap_err().to_string();
    assert!(error.contains("no password"), "{error}");

    let spy = MockGate::spy(Door);
    let _ = spy.record(&path).unwrap().keep_redacted_fields();
    talk(&spy).await;
    assert!(!fs::read_to_string(&path).unwrap().contains(SECRET), "texts are for people");
    MockGate::verify_tape(&path, Door).await.unwrap();
    let replayed = MockGate::replay(&path).unwrap();
    assert_eq!(talk(&replayed).await.key.unwrap().secret, SECRET.as_bytes());
}

#[tokio::test]
async fn failures_do_not_show_secrets() {
    let mock = MockGate::new();
    mock.expect_sign_in().with(like::Login::new().user("ada").password("open sesame"));
    mock.expect_sign_in().with(login());
    mock.expect_sign_in().with(like::Login::new().code(starts_with("9")));
    let _ = mock.client().sign_in(Login { pin: 1, ..login() }).await.unwrap_err();
    let verdict = verdict_of(mock);
    for text in ["open sesame", SECRET, "4711"] {
        assert!(!verdict.contains(text), "{verdict}");
    }
    for text in [
        "password: [REDACTED]",
        "password: is not what was expected; it is redacted",
        "what differs is not shown by its `Debug`",
    ] {
        assert!(verdict.contains(text), "{verdict}");
    }
}
