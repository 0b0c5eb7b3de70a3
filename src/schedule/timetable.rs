//! stub
use crate::config::Organization;
use crate::organization::OrganizationId;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashMap;
use std::time::Duration;
/// stub
#[derive(Default)]
pub struct Timetable {
    all: HashMap<OrganizationId, (Organization, Duration, Option<DateTime<Utc>>)>,
}
/// stub
pub struct Due {
    /// stub
    pub organizations: Vec<OrganizationId>,
    /// stub
    pub jump: Option<TimeDelta>,
}
impl Timetable {
    /// stub
    pub fn new() -> Self {
        Self::default()
    }
    /// stub
    pub fn set(
        &mut self,
        organizations: &[Organization],
        splay: Duration,
        last: impl Fn(&OrganizationId) -> Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) {
        self.all = organizations
            .iter()
            .map(|o| {
                (
                    o.id.clone(),
                    (
                        o.clone(),
                        splay,
                        match last(&o.id) {
                            None => Some(now),
                            Some(last) => super::next_run(o, splay, last),
                        },
                    ),
                )
            })
            .collect();
    }
    /// stub
    pub fn due(&mut self, now: DateTime<Utc>) -> Due {
        let mut organizations = Vec::new();
        for (id, (o, s, next)) in &mut self.all {
            if next.is_some_and(|n| n <= now) {
                organizations.push(id.clone());
                *next = super::next_run(o, *s, now);
            }
        }
        Due { organizations, jump: None }
    }
    /// stub
    pub fn next(&self, id: &OrganizationId) -> Option<DateTime<Utc>> {
        self.all.get(id)?.2
    }
}
