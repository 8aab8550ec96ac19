//! Real processes: backups, foreign clients, traces across services, outages, kills, cancelled calls, restarts.

mod backups;
mod cancelled;
mod clients;
mod foreign;
mod kills;
mod outages;
mod programs;
mod records;
mod recovery;
mod restarts;
mod seeded;
mod traces;
