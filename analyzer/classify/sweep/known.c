/* SPDX-License-Identifier: MIT
 *
 * The list of known facts. Users name few hosts, so it is searched from end to end.
 */
#include "classify/sweep/known.h"

#include "base/alloc.h"

#include <string.h>
#include <tcpautopsy/error.h>

static const struct {
    const char *name;
    struct tca_sysctl sysctl;
} settings[TCA_SETTING_COUNT] = {
/* clang-format off */
#define APPLIED                                 true
#define HELD                                    false
#define SYSCTL(name, least, most, use)          {name, least, most, use}
#define NONE                                    {NULL, 0, 0, false}
#define SETTING(id, name, sysctl, reach, basis) {name, sysctl},
/* clang-format on */
#include "classify/sweep/setting.def"
#undef SETTING
#undef NONE
#undef SYSCTL
#undef HELD
#undef APPLIED
};

const char *tca_setting_name(enum tca_setting_id id)
{
    return settings[id].name;
}

const struct tca_sysctl *tca_setting_sysctl(enum tca_setting_id id)
{
    return &settings[id].sysctl;
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
    int id = 0;
    for (; id < TCA_SETTING_COUNT; id++) {
        const char *ours = settings[id].sysctl.name;
        if (ours && strlen(ours) == length && !memcmp(ours, name, length))
            break;
    }
    return (enum tca_setting_id)id;
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

int tca_known_set(struct tca_known *known, const uint8_t *addr, enum tca_setting_id id, int64_t value,
                  bool typed)
{
    struct tca_facts *facts = place(known, addr);
    if (!facts)
        return TCA_EMEMORY;
    facts->given[id] = true;
    facts->typed[id] = typed;
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
    if (id == TCA_SETTING_kernel) {
        uint32_t kernel = tca_known_kernel(known, addr);
        *ret_value = TCA_RELEASE(kernel >> 16, kernel >> 8 & 0xff);
        return kernel != TCA_KERNEL_UNKNOWN;
    }
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
    *copy = (struct tca_known){.ignored = from->ignored, .unread = from->unread};
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
