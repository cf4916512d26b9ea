//! A line of a tape: a call as JSON.
//!
//! Messages stand as their encoded bytes in base64, with what `Debug` shows of them beside for
//! people to read.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use tonic::{
    Code, Status,
    metadata::{
        AsciiMetadataKey, BinaryMetadataKey, BinaryMetadataValue, KeyAndValueRef, MetadataMap,
    },
};

use super::{
    redaction::{REDACTED, Redaction},
    trace::Event,
};
use crate::{
    call::deadline::FOREVER,
    mock::{
        entry::is_custom, message::AnyMessage, method::Method, pattern::shown, record::Outcome,
    },
};

/// A call on a tape, with messages that are encoded.
pub(super) struct TapeLine {
    pub(super) method: String,
    pub(super) metadata: Vec<Entry>,
    pub(super) deadline: Option<Duration>,
    pub(super) header: Vec<Entry>,
    pub(super) events: Vec<Event<Encoded>>,
    pub(super) trailers: Vec<Entry>,
    pub(super) outcome: Outcome,
}

pub(super) struct Encoded {
    bytes: Bytes,
    text: String,
}

/// A name and a value; that of a binary entry is in base64.
pub(super) type Entry = (String, String);

impl Event<AnyMessage> {
    pub(super) fn redacted(&self, redaction: &Redaction, method: &Method) -> Event<Encoded> {
        let encoded = |message, marked| {
            let message = redaction.message(message, marked);
            Encoded { bytes: message.to_proto(), text: shown(&message) }
        };
        match self {
            Self::Request(message) => {
                Event::Request(encoded(message, method.compare_request.redact))
            }
            Self::End => Event::End,
            Self::Response(message) => {
                Event::Response(encoded(message, method.compare_response.redact))
            }
        }
    }
}

impl TapeLine {
    pub(super) fn to_json(&self) -> Value {
        let events = self.events.iter().map(|event| match event {
            Event::Request(message) => json!({ "request": message.to_json() }),
            Event::End => json!({ "end": "requests" }),
            Event::Response(message) => json!({ "response": message.to_json() }),
        });
        json!({
            "method": self.method,
            "metadata": entries_to_json(&self.metadata),
            "deadline_ms": self.deadline.map(|deadline| deadline.as_secs_f64() * 1000.0),
            "header": entries_to_json(&self.header),
            "events": events.collect::<Vec<_>>(),
            "trailers": entries_to_json(&self.trailers),
            "outcome": outcome_to_json(&self.outcome),
        })
    }

    /// Reads a line, or says what is wrong with it.
    pub(super) fn from_json(text: &str) -> Result<Self, String> {
        let json = serde_json::from_str::<Value>(text).map_err(|error| error.to_string())?;
        let events = json["events"].as_array().ok_or("`events` is no list")?;
        let deadline = json["deadline_ms"].as_f64();
        let deadline = deadline.and_then(|it| Duration::try_from_secs_f64(it / 1000.0).ok());
        // tonic panics where `grpc-timeout` has no room for it.
        let deadline = deadline.map(|deadline| deadline.min(FOREVER));
        Ok(Self {
            method: json["method"].as_str().ok_or("`method` is no text")?.to_owned(),
            metadata: entries_from_json(&json["metadata"])?,
            deadline,
            header: entries_from_json(&json["header"])?,
            events: events.iter().map(event_from_json).collect::<Result<_, _>>()?,
            trailers: entries_from_json(&json["trailers"])?,
            outcome: outcome_from_json(&json["outcome"])?,
        })
    }
}

impl Encoded {
    pub(super) fn decode(
        &self,
        decode: fn(Bytes) -> Result<AnyMessage, Status>,
    ) -> Result<AnyMessage, String> {
        decode(self.bytes.clone()).map_err(|status| status.message().to_owned())
    }

    fn to_json(&self) -> Value {
        json!({ "proto": BASE64_STANDARD.encode(&self.bytes), "text": self.text })
    }

    fn from_json(json: &Value) -> Result<Self, String> {
        let proto = json["proto"].as_str().ok_or("a message has no `proto`")?;
        let bytes = BASE64_STANDARD.decode(proto).map_err(|error| format!("`proto`: {error}"))?;
        Ok(Self { bytes: bytes.into(), text: json["text"].as_str().unwrap_or_default().to_owned() })
    }
}

fn event_from_json(json: &Value) -> Result<Event<Encoded>, String> {
    let event = json.as_object().ok_or("an event is no object")?;
    match event.iter().next() {
        Some((kind, message)) if kind == "request" => {
            Encoded::from_json(message).map(Event::Request)
        }
        Some((kind, _)) if kind == "end" => Ok(Event::End),
        Some((kind, message)) if kind == "response" => {
            Encoded::from_json(message).map(Event::Response)
        }
        _ => Err("an event is neither `request` nor `end` nor `response`".to_owned()),
    }
}

fn outcome_to_json(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Ok => json!({ "code": "OK" }),
        Outcome::Failed(status) => json!({
            "code": i32::from(status.code()),
            "message": status.message(),
            "details": BASE64_STANDARD.encode(status.details()),
        }),
        Outcome::Pending | Outcome::Cancelled => json!({ "code": "cancelled by the caller" }),
    }
}

fn outcome_from_json(json: &Value) -> Result<Outcome, String> {
    let code = &json["code"];
    if let Some(number) = code.as_i64() {
        let details = BASE64_STANDARD.decode(json["details"].as_str().unwrap_or_default());
        let details = details.map_err(|error| format!("`details`: {error}"))?;
        let message = json["message"].as_str().unwrap_or_default();
        let code = Code::from(i32::try_from(number).unwrap_or_default());
        return Ok(Outcome::Failed(Status::with_details(code, message, details.into())));
    }
    match code.as_str() {
        Some("OK") => Ok(Outcome::Ok),
        Some("cancelled by the caller") => Ok(Outcome::Cancelled),
        _ => Err("`outcome` has no `code` that is known".to_owned()),
    }
}

/// The entries of metadata that are the user's, and without secrets.
pub(super) fn entries(metadata: &MetadataMap, redaction: &Redaction) -> Vec<Entry> {
    let entries = metadata.iter().map(|entry| match entry {
        KeyAndValueRef::Ascii(key, value) => {
            (key.to_string(), String::from_utf8_lossy(value.as_encoded_bytes()).into_owned())
        }
        KeyAndValueRef::Binary(key, value) => {
            (key.to_string(), BASE64_STANDARD.encode(value.to_bytes().unwrap_or_default()))
        }
    });
    entries
        .filter(|(key, _)| is_custom(key))
        .map(|(key, value)| match redaction.hides(&key) {
            true => (key, REDACTED.to_owned()),
            false => (key, value),
        })
        .collect()
}

/// The metadata that entries of a tape stand for; what is redacted is not in it.
pub(super) fn metadata(entries: &[Entry]) -> MetadataMap {
    let mut metadata = MetadataMap::new();
    for (key, value) in entries.iter().filter(|(_, value)| value != REDACTED) {
        if let Ok(key) = BinaryMetadataKey::from_bytes(key.as_bytes()) {
            let value = BASE64_STANDARD.decode(value).unwrap_or_default();
            metadata.append_bin(key, BinaryMetadataValue::from_bytes(&value));
        } else if let (Ok(key), Ok(value)) =
            (AsciiMetadataKey::from_bytes(key.as_bytes()), value.parse())
        {
            metadata.append(key, value);
        }
    }
    metadata
}

fn entries_to_json(entries: &[Entry]) -> Value {
    let mut object = Map::new();
    for (key, value) in entries {
        let values = object.entry(key.as_str()).or_insert_with(|| json!([]));
        if let Some(values) = values.as_array_mut() {
            values.push(value.as_str().into());
        }
    }
    object.into()
}

fn entries_from_json(json: &Value) -> Result<Vec<Entry>, String> {
    let object = json.as_object().ok_or("metadata is no object")?;
    let mut entries = Vec::new();
    for (key, values) in object {
        for value in values.as_array().ok_or_else(|| format!("metadata `{key}` is no list"))? {
            let value = value.as_str().ok_or_else(|| format!("metadata `{key}` is no text"))?;
            entries.push((key.clone(), value.to_owned()));
        }
    }
    Ok(entries)
}
