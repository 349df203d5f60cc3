//! The pages: plain server-rendered HTML without script, Chinese first with English beside. Pure functions of what they show.

mod evidence;
mod html;
mod incidents;
mod login;
mod status;
mod tables;
mod words;

pub(crate) use login::login_page;
pub(crate) use status::{View, status_page};

/// The style sheet, served apart because the content security policy forbids inline styles.
pub(crate) const STYLE: &str = include_str!("../../assets/status.css");
