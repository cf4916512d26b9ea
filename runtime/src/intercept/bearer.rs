//! Bearer tokens, and the interceptor with which a server demands them.

use std::{fmt, future::Future, time::Duration};

use http::{HeaderMap, header};
use tonic::{Status, metadata::MetadataMap};

use super::{
    call::InterceptedCall,
    interceptor::{Interceptor, Next},
};
use crate::call::reply::Reply;

const SCHEME: &str = "Bearer";

/// A bearer token of [RFC 6750](https://www.rfc-editor.org/rfc/rfc6750), such as a JWT. `Debug` does not show it.
#[derive(Clone)]
pub struct BearerToken {
    text: String,
    lifetime: Option<Duration>,
}

impl BearerToken {
    /// The token that is this `text`, without the word `Bearer`.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), lifetime: None }
    }

    /// Says for how long the token is valid, as seen by the client that gets it. Default: for ever.
    #[must_use]
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// The text of the token, which is a secret.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn lifetime(&self) -> Option<Duration> {
        self.lifetime
    }

    /// The value of `authorization`. None if the token has characters that none may have.
    pub(crate) fn to_header(&self) -> Option<header::HeaderValue> {
        let value = is_token(&self.text).then(|| format!("{SCHEME} {}", self.text))?;
        let mut value = header::HeaderValue::try_from(value).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The one token in `metadata`, whose values of `authorization` `Debug` does not show from now on.
    fn of_call(metadata: &mut MetadataMap) -> Result<Self, Status> {
        let headers: &mut HeaderMap = metadata.as_mut();
        let header::Entry::Occupied(mut values) = headers.entry(header::AUTHORIZATION) else {
            return Err(Status::unauthenticated("the call has no `authorization`"));
        };
        values.iter_mut().for_each(|value| value.set_sensitive(true));
        let mut values = values.iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(Status::unauthenticated("the call has more than one `authorization`"));
        };
        let token = value.to_str().ok().and_then(|value| value.split_once(' '));
        match token.map(|(scheme, text)| (scheme, text.trim_start_matches(' '))) {
            Some((scheme, text)) if scheme.eq_ignore_ascii_case(SCHEME) && is_token(text) => {
                Ok(Self::new(text))
            }
            _ => Err(Status::unauthenticated("`authorization` is not `Bearer` and a token")),
        }
    }
}

/// Whether `text` is a `b64token`: nothing that could be taken for a second credential.
fn is_token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !body.is_empty() && body.bytes().all(is_allowed)
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerToken")
            .field("text", &format_args!("[REDACTED]"))
            .field("lifetime", &self.lifetime)
            .finish()
    }
}

/// An interceptor for servers: a call needs a bearer token, and handlers see whose it is.
///
/// `verify` gets the token of `authorization: Bearer …` and returns the identity that it proves: any type of yours. It is
/// put into the extensions of the request. A status that `verify` returns ends the call: `Unauthenticated` for a token
/// that is not valid, `Unavailable` if that cannot be found out.
///
/// A call without a token, with several, or with other credentials ends with `Unauthenticated`. No status has the token
/// in it, and `Debug` of the call's metadata does not show it.
///
/// ```
/// use rust_scaffold::{BearerAuth, BearerToken, Request, Server, Status};
///
/// /// Who calls.
/// #[derive(Clone)]
/// struct User(String);
///
/// async fn verify(token: BearerToken) -> Result<User, Status> {
///     // Here, look it up, or verify its signature.
///     match token.as_str() {
///         "mF_9.B5f-4.1JqM" => Ok(User("ferris".to_owned())),
///         _ => Err(Status::unauthenticated("the token is not valid")),
///     }
/// }
///
/// /// In a handler:
/// fn user<T>(request: &Request<T>) -> Result<&User, Status> {
///     let user = request.extensions().get::<User>();
///     user.ok_or_else(|| Status::unauthenticated("nobody is known here"))
/// }
///
/// let server = Server::new().intercept(BearerAuth::new(verify));
/// # let mut request = Request::new(());
/// # assert!(user(&request).is_err());
/// # request.extensions_mut().insert(User("ferris".to_owned()));
/// # assert_eq!(user(&request).unwrap().0, "ferris");
/// ```
///
/// Probes bring no token: [`Except`](crate::Except) lets their calls through.
#[derive(Clone)]
pub struct BearerAuth<V> {
    verify: V,
}

impl<V> BearerAuth<V> {
    /// Demands a token that `verify` accepts.
    pub fn new<F, Id>(verify: V) -> Self
    where
        V: Fn(BearerToken) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Id, Status>> + Send,
        Id: Clone + Send + Sync + 'static,
    {
        Self { verify }
    }
}

impl<V, F, Id> Interceptor for BearerAuth<V>
where
    V: Fn(BearerToken) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Id, Status>> + Send,
    Id: Clone + Send + Sync + 'static,
{
    async fn intercept(&self, mut call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        let token = BearerToken::of_call(call.metadata_mut())?;
        let identity = (self.verify)(token).await?;
        call.extensions_mut().insert(identity);
        next.run(call).await
    }
}

impl<V> fmt::Debug for BearerAuth<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerAuth").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn read(values: &[&'static [u8]]) -> Result<String, Status> {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = header::HeaderValue::from_bytes(value).expect("a value");
            headers.append(header::AUTHORIZATION, value);
        }
        let mut metadata = MetadataMap::from_headers(headers);
        let token = BearerToken::of_call(&mut metadata);
        let secrets = metadata.as_ref().get_all(header::AUTHORIZATION);
        assert!(secrets.into_iter().all(header::HeaderValue::is_sensitive));
        token.map(|token| token.as_str().to_owned())
    }

    #[test]
    fn a_token_is_read_whatever_the_case_of_its_scheme() {
        for value in
            [&b"Bearer a.b-c_d~e+f/1=="[..], b"bearer a.b-c_d~e+f/1==", b"BEARER   a.b-c_d~e+f/1=="]
        {
            assert_eq!(read(&[value]).expect("a token"), "a.b-c_d~e+f/1==");
        }
    }

    #[test]
    fn anything_else_is_refused_without_a_word_of_it() {
        const WRONG: &[&[&[u8]]] = &[
            &[],
            &[b"Bearer hunter2", b"Bearer hunter2"],
            &[b"Basic hunter2"],
            &[b"hunter2"],
            &[b"Bearer"],
            &[b"Bearer "],
            &[b"Bearer ="],
            &[b"Bearer hunter2,"],
            &[b"Bearer hunter2, Bearer hunter3"],
            &[b"Bearer hun ter2"],
            &[b"Bearer hun=ter2"],
            &[b"Bearer hunter2 "],
            &[b"Bearer\thunter2"],
            &[b"Bearerhunter2"],
            &[b" Bearer hunter2"],
            &[b"Bearer hunt\xe9r2"],
        ];
        for values in WRONG {
            let status = read(values).expect_err("no token");
            assert_eq!(status.code(), Code::Unauthenticated, "{values:?}");
            assert!(!status.message().contains("hunt"), "{status:?}");
        }
    }

    #[test]
    fn a_token_is_a_secret() {
        let token = BearerToken::new("hunter2").expires_in(Duration::from_secs(60));
        assert_eq!(format!("{token:?}"), "BearerToken { text: [REDACTED], lifetime: Some(60s) }");
        let header = token.to_header().expect("a value");
        assert_eq!((header.as_bytes(), header.is_sensitive()), (&b"Bearer hunter2"[..], true));
        for text in ["", "two words", "line\r\nbreak", "größer", "=="] {
            assert!(BearerToken::new(text).to_header().is_none(), "{text}");
        }
    }
}
