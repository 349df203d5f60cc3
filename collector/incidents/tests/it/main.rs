//! The incident machine from outside: timelines as data, faults in every order, properties over random histories.

mod acts;
mod changes;
mod clocks;
mod evidence;
mod faults;
mod kpi;
mod pack;
mod peers;
mod people;
mod properties;
mod relapse;
mod services;
mod silence;
mod timeline;
mod wounds;
