//! The assessment under the packs that ship: stories, pack refusals, affordability, authority, properties.

#[cfg(test)]
mod auditor;
#[cfg(test)]
mod calendars;
#[cfg(test)]
mod calibration;
#[cfg(test)]
mod checks;
#[cfg(test)]
mod closed;
#[cfg(test)]
mod dominance;
#[cfg(test)]
mod grades;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod interpreter;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod mangled;
#[cfg(test)]
mod packs;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tables;
