/* SPDX-License-Identifier: MIT
 *
 * The list of known facts. Users name few hosts, so it is searched from end to end.
 */
#include "classify/known.h"

#include "base/alloc.h"

#include <string.h>
#include <tcpautopsy/error.h>

static const char *const names[TCA_SETTING_COUNT] = {
#define SETTING(id, name, reach, basis) name,
#include "classify/setting.def"
#undef SETTING
};

const char *tca_setting_name(enum tca_setting_id id)
{
    return names[id];
}

enum tca_setting_id tca_setting_by_name(const char *name, size_t length)
{
    static const char *const prefix[] = {"net.ipv4.", "net.core.", "net/ipv4/", "net/core/"};
    for (size_t at = 0; at < sizeof prefix / sizeof *prefix; at++) {
        size_t skip = strlen(prefix[at]);
        if (length > skip && !memcmp(name, prefix[at], skip)) {
            name += skip;
            length -= skip;
            break;
        }
    }
    bool sysctl = length > 4 && (!memcmp(name, "tcp_", 4) || !memcmp(name, "soma", 4));
    int id = sysctl ? 0 : TCA_SETTING_COUNT;
    while (id < TCA_SETTING_COUNT && (strlen(names[id]) != length || memcmp(names[id], name, length) != 0))
        id++;
    return (enum tca_setting_id)id;
}

/* What the kernel takes (net/ipv4/sysctl_net_ipv4.c); switches are 0 or 1 however wide their number is. */
static const struct {
    enum tca_setting_id id;
    int64_t min, max;
} ranges[] = {{TCA_SETTING_tcp_syn_retries, 1, 127},
              {TCA_SETTING_tcp_syn_linear_timeouts, 0, 127},
              {TCA_SETTING_tcp_synack_retries, 0, 255},
              {TCA_SETTING_tcp_abort_on_overflow, 0, 1},
              {TCA_SETTING_tcp_syncookies, 0, 2},
              {TCA_SETTING_tcp_orphan_retries, 0, 255},
              {TCA_SETTING_tcp_fin_timeout, 0, INT32_MAX},
              {TCA_SETTING_tcp_timestamps, 0, 2},
              {TCA_SETTING_tcp_tw_reuse, 0, 2},
              {TCA_SETTING_tcp_rfc1337, 0, 1},
              {TCA_SETTING_tcp_retries2, 0, 255},
              {TCA_SETTING_tcp_rto_min_us, 1, INT32_MAX},
              {TCA_SETTING_tcp_rto_max_ms, 1000, 120000}};

void tca_setting_range(enum tca_setting_id id, int64_t *ret_min, int64_t *ret_max)
{
    *ret_min = 0;
    *ret_max = INT32_MAX;
    for (size_t at = 0; at < sizeof ranges / sizeof *ranges; at++)
        if (ranges[at].id == id) {
            *ret_min = ranges[at].min;
            *ret_max = ranges[at].max;
        }
}

static const struct tca_facts *find(const struct tca_known *known, const uint8_t *addr)
{
    for (size_t at = 0; known && at < known->count; at++) {
        const struct tca_facts *facts = &known->list[at];
        if (addr ? !facts->every_host && !memcmp(facts->addr, addr, sizeof facts->addr) : facts->every_host)
            return facts;
    }
    return NULL;
}

static struct tca_facts *place(struct tca_known *known, const uint8_t *addr)
{
    const struct tca_facts *old = find(known, addr);
    if (old)
        return &known->list[old - known->list];
    struct tca_facts *more = tca_grow(known->list, known->count + 1, sizeof *more);
    if (!more)
        return NULL;
    known->list = more;
    struct tca_facts *facts = &more[known->count++];
    *facts = (struct tca_facts){.every_host = !addr};
    if (addr)
        memcpy(facts->addr, addr, sizeof facts->addr);
    return facts;
}

int tca_known_set(struct tca_known *known, const uint8_t *addr, enum tca_setting_id id, int64_t value)
{
    struct tca_facts *facts = place(known, addr);
    if (!facts)
        return TCA_EMEMORY;
    facts->given[id] = true;
    facts->value[id] = value;
    return TCA_OK;
}

int tca_known_set_kernel(struct tca_known *known, const uint8_t *addr, uint32_t kernel)
{
    struct tca_facts *facts = place(known, addr);
    if (!facts)
        return TCA_EMEMORY;
    facts->kernel = kernel;
    return TCA_OK;
}

bool tca_known_value(const struct tca_known *known, const uint8_t addr[16], enum tca_setting_id id,
                     int64_t *ret_value)
{
    const struct tca_facts *facts = find(known, addr);
    if (!facts || !facts->given[id])
        facts = find(known, NULL);
    if (!facts || !facts->given[id])
        return false;
    *ret_value = facts->value[id];
    return true;
}

uint32_t tca_known_kernel(const struct tca_known *known, const uint8_t addr[16])
{
    const struct tca_facts *facts = find(known, addr);
    if (!facts || !facts->kernel)
        facts = find(known, NULL);
    return facts ? facts->kernel : TCA_KERNEL_UNKNOWN;
}

int tca_known_copy(const struct tca_known *from, struct tca_known *copy)
{
    *copy = (struct tca_known){.ignored = from->ignored};
    if (!from->count)
        return TCA_OK;
    copy->list = tca_grow(NULL, from->count, sizeof *copy->list);
    if (!copy->list)
        return TCA_EMEMORY;
    memcpy(copy->list, from->list, from->count * sizeof *copy->list);
    copy->count = from->count;
    return TCA_OK;
}

void tca_known_done(struct tca_known *known)
{
    tca_free(known->list);
    *known = (struct tca_known){0};
}
