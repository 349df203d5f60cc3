//! Who is asking: login, sessions, lockout and the guard before every protected route.

mod basic;
mod guard;
mod lockout;
mod login;
mod session;

pub(crate) use basic::Remembered;
pub(crate) use guard::{
    Person, find_person, refuse_foreign_origin, require_person, require_same_site, token_in,
};
pub(crate) use lockout::Lockouts;
pub(crate) use login::{LoggedIn, log_in};
pub(crate) use session::{COOKIE, Sessions};
