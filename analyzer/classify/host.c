/* SPDX-License-Identifier: MIT
 *
 * Hosts out of dossiers.
 */
#include "classify/host.h"

#include "base/alloc.h"

#include <tcpautopsy/error.h>

struct tca_hosts {
    enum tca_vantage user;
};

static const struct tca_host nothing_known;

int tca_hosts_new(enum tca_vantage user, struct tca_hosts **ret_hosts)
{
    struct tca_hosts *hosts = tca_alloc(sizeof *hosts);
    if (!hosts)
        return TCA_EMEMORY;
    hosts->user = user;
    *ret_hosts = hosts;
    return TCA_OK;
}

int tca_hosts_add(struct tca_hosts *hosts, const struct tca_dossier *d)
{
    (void)hosts;
    (void)d;
    return TCA_OK;
}

int tca_hosts_run(struct tca_hosts *hosts)
{
    (void)hosts;
    return TCA_OK;
}

const struct tca_host *tca_hosts_find(const struct tca_hosts *hosts, uint32_t capture, const uint8_t addr[16])
{
    (void)hosts;
    (void)capture;
    (void)addr;
    return &nothing_known;
}

void tca_hosts_free(struct tca_hosts *hosts)
{
    tca_free(hosts);
}
