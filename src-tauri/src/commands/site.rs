//! Checking the site.

use super::step_commands;

step_commands!(CheckSite: plan_check_site, start_check_site, observe_check_site);
