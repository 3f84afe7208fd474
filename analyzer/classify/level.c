/* SPDX-License-Identifier: MIT
 *
 * Confidence by vantage. A segment that passed is a fact anywhere; one that did not may have gone another
 * way, so silence is worth less the farther the capture point is from the end that keeps silent.
 */
#include "classify/level.h"

const struct tca_levels tca_levels_certain = {TCA_CERTAIN, TCA_CERTAIN, TCA_CERTAIN};
const struct tca_levels tca_levels_probable = {TCA_PROBABLE, TCA_PROBABLE, TCA_PROBABLE};
const struct tca_levels tca_levels_but_client = {TCA_CERTAIN, TCA_CERTAIN, TCA_PROBABLE};

const char *const tca_role_name[2] = {"client", "server"};

static enum tca_confidence base(const struct tca_case *c, struct tca_levels levels)
{
    switch (c->vantage) {
    case TCA_VANTAGE_SERVER:
    case TCA_VANTAGE_SAME_HOST:
        return levels.server;
    case TCA_VANTAGE_CLIENT:
        return levels.client;
    default:
        return levels.middle;
    }
}

bool tca_lacks_some(const struct tca_case *c)
{
    return c->lossy || (c->d->m.damage & (TCA_DAMAGE_GAP | TCA_DAMAGE_START_CUT)) != 0;
}

enum tca_confidence tca_level(const struct tca_case *c, struct tca_levels levels, enum tca_basis basis)
{
    enum tca_confidence level = base(c, levels);
    if (level == TCA_NO || basis != TCA_BASIS_SILENCE)
        return level;
    return tca_lower(level, (c->vantage == TCA_VANTAGE_UNKNOWN) + tca_lacks_some(c));
}

int tca_unheard(const struct tca_case *c, int role)
{
    const struct tca_host *host = c->host[role];
    return !host->unheard ? 0 : host->heard ? 1 : 2;
}

/* One mark alone (a TTL, a window) is shared with other systems. */
enum { LINUX_MARKS = 2 };

bool tca_linux_host(const struct tca_host *host)
{
    return (host->os == TCA_OS_LINUX && host->os_marks >= LINUX_MARKS) ||
           tca_host_kernel(host) != TCA_KERNEL_UNKNOWN;
}

enum tca_confidence tca_linux_only(const struct tca_case *c, int role, enum tca_confidence level)
{
    return tca_linux_host(c->host[role]) || level == TCA_NO ? level : tca_lower(level, 1);
}
