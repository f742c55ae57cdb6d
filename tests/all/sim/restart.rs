//! The server stops and starts again: what it goes on with is what its file gives back, and nothing is probed yet.

use super::resolvers::Resolvers;
use super::world::World;
use azimuth::admin::operate::file;
use azimuth::answer::Responder;
use azimuth::base::UnixTime;
use azimuth::health::Report;
use azimuth::snapshot::{Core, Past};
use std::sync::Arc;

impl World {
    /// Writes down what a restart must not forget, and begins anew with that. Clients keep what they were answered.
    pub(super) fn restart(&mut self) {
        self.settle();
        let folder = tempfile::tempdir().unwrap();
        let said = self.model.table(self.now);
        file::save(folder.path(), &said, &self.core.memories()).unwrap();
        let mut kept = file::load(folder.path()).unwrap();
        assert_eq!(kept.table.orders().len(), said.orders().len(), "every order is kept");
        kept.table.expire(self.now);
        // Ends are kept in whole seconds, and none comes earlier.
        for said in &mut self.model.said {
            said.until = said.until.map(|until| UnixTime::from_secs(until.0.div_ceil(1_000_000)));
        }
        let past = Past { operator: Arc::new(kept.table), memories: kept.memories };
        self.core = Core::new(self.plan.inputs.clone(), &past, self.now);
        self.responder = Responder::new(0);
        // Of what was reported words hold that take out of service.
        self.model.reports.retain(|_, report| {
            *report = Report { word: report.word.filter(|word| word.forbids()), ..Report::default() };
            report.word.is_some()
        });
        self.core.reported(self.model.reports.iter().map(|(subject, report)| (subject.clone(), *report)).collect());
        self.core.step(self.now);
        self.snapshot = self.core.snapshot();
        self.probe_anew();
        self.causes.is_reload = true;
        self.model.keep_times(&self.plan, self.now);
        self.resolvers.server_restarts();
    }
}

impl Resolvers {
    /// Generations are counted anew, so that those of kept answers say nothing any more.
    fn server_restarts(&mut self) {
        self.restarts += 1;
    }
}
