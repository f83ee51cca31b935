//! Whether what is answered is what the source would answer.

use std::sync::Arc;

use super::Builder;
use crate::audit::{Audit, AuditOptions, AuditReport};
use crate::cache::Cache;
use crate::error::Result;

impl Builder {
    /// Audits a sample of what is answered against the source; see [`audit`](crate::audit). Each audit costs the source one
    /// more load. Bodies that run in the caller's thread (sync functions, `load = "inline"`, batches) and values that stay in
    /// near (`local`) are not audited. Needs feature `http`, `metrics` or `opentelemetry`. Default: nothing is.
    ///
    /// [`Builder::build`] refuses options of zero.
    pub fn audit(mut self, options: AuditOptions) -> Self {
        self.settings.audit = Some(Arc::new(Audit::new(options)));
        self
    }

    pub(super) fn check_audit(&self) -> Result<()> {
        self.settings.audit.as_ref().map_or(Ok(()), |audit| audit.options.check())
    }
}

impl Cache {
    /// What audits have found; nothing if nothing is audited. Needs feature `http`, `metrics` or `opentelemetry`.
    #[must_use]
    pub fn audit_report(&self) -> Option<AuditReport> {
        let mut report = self.0.settings.audit.as_ref().map(|audit| audit.report(self.clock().now()))?;
        let seen = |site: &str| self.namespace_of(site).is_some_and(|namespace| self.sees(&namespace));
        report.sites.retain(|site| seen(&site.site));
        report.found.retain(|found| seen(&found.site));
        Some(report)
    }
}
