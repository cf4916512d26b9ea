//! Bearer tokens over TLS, and typed details of errors: the server, and the checks of one.

use std::path::Path;

use rust_scaffold::{
    BearerAuth, BearerCredentials, BearerToken, Channel, ClientTls, Code, Server, Status,
    error_details::{ErrorDetails, StatusExt as _},
};

use crate::{
    checks::report,
    contract::calculator::{AddRequest, CalculatorClient},
};

const TOKEN: &str = "mF_9.B5f-4.1JqM";
const REASON: &str = "TOKEN_UNKNOWN";
const DOMAIN: &str = "calculator.example";

/// The server, to callers with the token.
pub(crate) fn guard(server: Server) -> Server {
    server.intercept(BearerAuth::new(verify))
}

async fn verify(token: BearerToken) -> Result<(), Status> {
    if token.as_str() == TOKEN {
        return Ok(());
    }
    let mut details = ErrorDetails::with_error_info(REASON, DOMAIN, [("größe".into(), "7".into())]);
    details.add_bad_request_violation("authorization", "is not known");
    Err(Status::with_error_details(Code::Unauthenticated, "the token is not valid", details))
}

/// Prints a line for each check; true when all have passed.
pub(crate) async fn check(address: &str, folder: &Path) -> bool {
    let tls = ClientTls::new().ca(folder.join("ca.crt"));
    let secure = Channel::builder(format!("https://{address}")).tls(tls).connect_lazy();
    let plaintext = Channel::connect_lazy(format!("http://{address}"));
    let (Ok(secure), Ok(plaintext)) = (secure, plaintext) else { return false };
    let with = |channel: &Channel, token| {
        let credentials = BearerCredentials::fixed(BearerToken::new(token));
        channel.clone().call_credentials(credentials)
    };
    let accepted = add(with(&secure, TOKEN)).await;
    let missing = add(secure.clone()).await;
    let wrong = add(with(&secure, "wrong")).await;
    let unsafe_ = add(with(&plaintext, TOKEN)).await;
    let checks = [
        ("auth a token is accepted", accepted.as_ref().ok() == Some(&8)),
        ("auth a call without a token is refused", is_unauthenticated(&missing)),
        ("auth a wrong token is refused with details", has_details(&wrong)),
        ("auth a token is not sent in plaintext", is_unauthenticated(&unsafe_)),
    ];
    let seen = || format!("{accepted:?} {missing:?} {wrong:?} {unsafe_:?}");
    let reported = checks.map(|(name, passed)| report(name, passed.then_some(()).ok_or_else(seen)));
    reported == [true; 4]
}

async fn add(channel: Channel) -> Result<i32, Status> {
    let sum = CalculatorClient::new(channel).add(AddRequest { a: 5, b: 3 }).await?;
    Ok(sum.into_inner().result)
}

fn is_unauthenticated(outcome: &Result<i32, Status>) -> bool {
    outcome.as_ref().is_err_and(|status| status.code() == Code::Unauthenticated)
}

fn has_details(outcome: &Result<i32, Status>) -> bool {
    let Err(status) = outcome else { return false };
    let Ok(details) = status.check_error_details() else { return false };
    let (Some(info), Some(request)) = (details.error_info(), details.bad_request()) else {
        return false;
    };
    is_unauthenticated(outcome)
        && (info.reason.as_str(), info.domain.as_str()) == (REASON, DOMAIN)
        && info.metadata.get("größe").is_some_and(|size| size == "7")
        && request.field_violations.iter().any(|it| it.field == "authorization")
}
