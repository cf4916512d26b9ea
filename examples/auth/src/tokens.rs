//! JWTs: what an identity provider issues, and how a server verifies it.

use std::time::{Duration, SystemTime};

use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode, errors::Error,
};
use rust_scaffold::{BearerToken, Code, Status, ToStatus as _};
use serde::{Deserialize, Serialize};

const AUDIENCE: &str = "greeter";

/// What a token says, and a handler finds in its request.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Claims {
    /// Who calls.
    pub(crate) sub: String,
    aud: String,
    exp: u64,
}

/// Issues tokens. In production, that is a service of its own, with a private key.
pub(crate) struct Issuer {
    key: EncodingKey,
}

impl Issuer {
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self { key: EncodingKey::from_secret(secret) }
    }

    /// A token for `user` that is valid for `lifetime`.
    pub(crate) fn issue(&self, user: &str, lifetime: Duration) -> Result<BearerToken, Status> {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let end = since_1970.status(Code::Internal)? + lifetime;
        // `exp` has whole seconds.
        let exp = end.as_secs() + 1;
        let claims = Claims { sub: user.to_owned(), aud: AUDIENCE.to_owned(), exp };
        let token = encode(&Header::new(Algorithm::HS256), &claims, &self.key);
        let token = token.status_with(Code::Unavailable, "no token could be made")?;
        Ok(BearerToken::new(token).expires_in(lifetime))
    }
}

/// Verifies tokens.
pub(crate) struct Verifier {
    key: DecodingKey,
    validation: Validation,
}

impl Verifier {
    pub(crate) fn new(secret: &[u8]) -> Self {
        // The algorithm is that of the key, whatever the token says.
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        Self { key: DecodingKey::from_secret(secret), validation }
    }

    /// What `token` says, if it is valid. Why it is not stays in the log of the server.
    pub(crate) fn verify(&self, token: &BearerToken) -> Result<Claims, Status> {
        let claims: Result<_, Error> = decode(token.as_str(), &self.key, &self.validation);
        let claims = claims.status_with(Code::Unauthenticated, "the token is not valid")?;
        Ok(claims.claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_who_calls() -> Result<(), Status> {
        let token = Issuer::new(b"a secret").issue("ada", Duration::from_secs(60))?;
        assert_eq!(Verifier::new(b"a secret").verify(&token)?.sub, "ada");
        let forged = Verifier::new(b"another secret").verify(&token);
        assert_eq!(forged.err().map(|status| status.code()), Some(Code::Unauthenticated));
        Ok(())
    }

    #[test]
    fn a_token_for_somebody_else_or_without_a_signature_is_refused() -> Result<(), Status> {
        let exp = u64::MAX >> 16;
        let claims = Claims { sub: "ada".into(), aud: "another service".into(), exp };
        let header = Header::new(Algorithm::HS256);
        let token = encode(&header, &claims, &EncodingKey::from_secret(b"a secret"));
        let for_another = BearerToken::new(token.status(Code::Internal)?);
        let issued = Issuer::new(b"a secret").issue("ada", Duration::from_secs(60))?;
        let (payload, _) = issued.as_str().rsplit_once('.').status(Code::Internal)?;
        // {"alg":"none"}
        let (_, payload) = payload.split_once('.').status(Code::Internal)?;
        let unsigned = BearerToken::new(format!("eyJhbGciOiJub25lIn0.{payload}."));
        for token in [for_another, unsigned] {
            let refused = Verifier::new(b"a secret").verify(&token);
            assert_eq!(refused.err().map(|status| status.code()), Some(Code::Unauthenticated));
        }
        Ok(())
    }
}
