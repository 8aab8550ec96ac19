//! The promises of the product, end to end: three services over real gRPC, a clock that only the tests move.

#[cfg(test)]
mod access;
#[cfg(test)]
mod calendars;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod feed_watch;
#[cfg(test)]
mod packs;
#[cfg(test)]
mod portfolio;
#[cfg(test)]
mod previews;
#[cfg(test)]
mod reads;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod replay_races;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod versions;
