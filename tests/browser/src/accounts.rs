//! A service whose messages have secrets in them.

use rust_scaffold::{Request, Response, Status};

use crate::shop::v1::{Accounts, Credentials, Session};

pub(crate) struct ShopAccounts;

impl Accounts for ShopAccounts {
    async fn sign_in(&self, call: Request<Credentials>) -> Result<Response<Session>, Status> {
        let Credentials { name, password, .. } = call.into_inner();
        match password.is_empty() {
            true => Err(Status::unauthenticated("the password is missing")),
            false => Ok(Response::new(Session { user: name, token: format!("token-{password}") })),
        }
    }
}
