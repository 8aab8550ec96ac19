//! Real processes: backups, foreign clients, traces across services, outages, kills, cancelled calls, restarts.

mod backups;
mod cancelled;
mod clients;
mod fleet;
mod foreign;
mod full;
mod kills;
mod load;
mod outages;
mod programs;
mod proxy;
mod records;
mod recovery;
mod restarts;
mod rolling;
mod seeded;
mod severed;
mod synced;
mod traces;
