//! Whatever comes over a connection: frames as they should be, changed in a few places.

use crate::{
    frame::{
        ACK, CONTINUATION, END_HEADERS, Frame, HEADERS, INITIAL_WINDOW_SIZE,
        MAX_CONCURRENT_STREAMS, PING, PREFACE, PRIORITY, SETTINGS, message,
    },
    mutate::change_bytes,
    random::Random,
    telemetry::Query,
};

/// What a client sends: its preface, settings and calls.
pub(crate) fn of_client(random: &mut Random) -> Vec<u8> {
    let window = random.one_of(&[0, 1, 100, 65_535, 65_535, 1 << 20]);
    let mut frames = vec![Frame::settings(&[(INITIAL_WINDOW_SIZE, window)])];
    for call in 0..random.within(1..6) {
        frames.extend(request(call as u32 * 2 + 1, random));
    }
    let mut bytes = PREFACE.to_vec();
    bytes.extend(changed(frames, random));
    if random.within(0..20) == 0 {
        change_bytes(&mut bytes, random);
    }
    bytes
}

/// What a server sends to a client that has made four calls.
pub(crate) fn of_server(random: &mut Random) -> Vec<u8> {
    let streams = random.one_of(&[0, 1, 100, 100]);
    let first = Frame::settings(&[(MAX_CONCURRENT_STREAMS, streams)]);
    let mut frames = vec![Frame::new(SETTINGS, ACK, 0, []), first];
    for stream in [1, 3, 5, 7] {
        frames.extend(response(stream, random));
    }
    changed(frames, random)
}

fn request(stream: u32, random: &mut Random) -> Vec<Frame> {
    let method = random.one_of(&["Latest", "Watch", "Upload", "Tail", "Last", "None"]);
    let path = format!("/telemetry.Telemetry/{method}");
    let mut fields = vec![
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path.as_str()),
        (":authority", "station"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    ];
    fields.extend(some_of(
        random,
        &[
            ("grpc-timeout", "1S"),
            ("grpc-timeout", "99999999H"),
            ("grpc-timeout", "0n"),
            ("grpc-accept-encoding", "gzip,identity,deflate"),
            ("x-bin", "AQI,AwQ="),
            ("x-bin", "!"),
            ("x-text", "a"),
        ],
    ));
    if random.within(0..20) == 0 {
        fields.push(("grpc-encoding", "gzip"));
    }
    let query = Query { series: "abc".to_owned(), limit: 7, ..Query::default() };
    let mut frames = headers(stream, &fields, random);
    for _ in 0..random.one_of(&[1, 1, 1, 1, 0, 2, 3]) {
        frames.extend(data(stream, &message(&query), random));
    }
    frames.push(Frame::data(stream, []).ends());
    frames
}

fn response(stream: u32, random: &mut Random) -> Vec<Frame> {
    let mut fields = vec![(":status", "200"), ("content-type", "application/grpc")];
    fields.extend(some_of(
        random,
        &[
            ("grpc-encoding", "identity"),
            ("grpc-encoding", "br"),
            ("x-bin", "AQI,AwQ="),
            ("x", "y"),
        ],
    ));
    let mut trailers =
        vec![("grpc-status", random.one_of(&["0", "0", "0", "0", "5", "17", "-1", "x"]))];
    trailers.extend(some_of(
        random,
        &[
            ("grpc-message", "caf%C3%A9"),
            ("grpc-message", "caf%E9%"),
            ("grpc-status-details-bin", "AQI="),
            ("grpc-status-details-bin", "not base64!"),
            ("y-bin", "===="),
        ],
    ));
    let mut frames = Vec::new();
    if random.within(0..6) > 0 {
        frames.extend(headers(stream, &fields, random));
        // One message is for each kind of response.
        for _ in 0..random.one_of(&[1, 1, 1, 0, 2]) {
            frames.extend(data(stream, &message(&Query::default()), random));
        }
    } else {
        trailers.splice(0..0, fields);
    }
    frames.push(Frame::headers(stream, &trailers).ends());
    frames
}

fn some_of<'a>(random: &mut Random, fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    fields.iter().filter(|_| random.within(0..8) == 0).copied().collect()
}

/// Headers in one piece, or in several.
fn headers(stream: u32, fields: &[(&str, &str)], random: &mut Random) -> Vec<Frame> {
    let whole = Frame::headers(stream, fields);
    if random.within(0..4) > 0 {
        return vec![whole];
    }
    let (first, rest) = whole.payload.split_at(random.within(0..whole.payload.len()));
    vec![Frame::new(HEADERS, 0, stream, first), Frame::new(CONTINUATION, END_HEADERS, stream, rest)]
}

/// Data in one piece, or in several.
fn data(stream: u32, data: &[u8], random: &mut Random) -> Vec<Frame> {
    let size = random.one_of(&[1, 3, 1000]);
    data.chunks(size).map(|piece| Frame::data(stream, piece)).collect()
}

fn number(random: &mut Random) -> u32 {
    random.one_of(&[0, 1, 100, 65_535, 1 << 20, (1 << 31) - 1, 1 << 31, u32::MAX])
}

/// The frames, some of them changed, in other places, or others.
fn changed(mut frames: Vec<Frame>, random: &mut Random) -> Vec<u8> {
    for _ in 0..random.one_of(&[0, 1, 1, 1, 2, 3]) {
        let (at, to) = (random.within(0..frames.len()), random.within(0..frames.len()));
        match random.within(0..8) {
            0 => frames.swap(at, to),
            1 => frames.insert(to, frames[at].clone()),
            2 if frames.len() > 1 => drop(frames.remove(at)),
            3 => frames[at].flags ^= 1 << random.within(0..8),
            4 => frames[at].stream = random.one_of(&[0, 1, 2, 3, 5, 7, 99, 1 << 31]),
            5 => frames[at].kind = random.within(0..12) as u8,
            6 => change_bytes(&mut frames[at].payload, random),
            _ => frames.insert(to, any(random)),
        }
    }
    let mut bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
    if random.within(0..10) == 0 {
        change_bytes(&mut bytes, random);
    }
    bytes
}

fn any(random: &mut Random) -> Frame {
    let stream = random.one_of(&[0, 1, 3, 5, 7, 99]);
    match random.within(0..7) {
        0 => Frame::reset(stream, number(random).into()),
        1 => Frame::goaway(stream, number(random).into()),
        2 => Frame::window_update(stream, number(random)),
        3 => Frame::settings(&[(random.within(0..9) as u16, number(random))]),
        4 => Frame::new(PING, 0, 0, [7; 8]),
        5 => Frame::new(PRIORITY, 0, stream, number(random).to_be_bytes()),
        _ => Frame::new(random.within(0..256) as u8, random.within(0..256) as u8, stream, [0; 20]),
    }
}
