/* SPDX-License-Identifier: MIT
 *
 * Known facts: settings and kernel versions that the user tells of a host, or of every host. A host's own facts come
 * before those of every host; a later one replaces an earlier one.
 */
#ifndef TCA_CLASSIFY_KNOWN_H
#define TCA_CLASSIFY_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tca_setting_id {
#define SETTING(id, name, sysctl, reach, basis) TCA_SETTING_##id,
#include "classify/sweep/setting.def"
#undef SETTING
    TCA_SETTING_COUNT
};

/* By sysctl name, with or without "net.ipv4." or "net.core." before it; with dots or slashes. TCA_SETTING_COUNT: none
 * of ours. */
enum tca_setting_id tca_setting_by_name(const char *name, size_t length);
const char *tca_setting_name(enum tca_setting_id id);
struct tca_sysctl {
    const char *name; /* NULL: a setting that is no sysctl */
    int64_t min, max; /* the values that a kernel takes */
    bool
        applied; /* verdicts and clocks go by it where it is known; else it is only held against the traffic */
};
const struct tca_sysctl *tca_setting_sysctl(enum tca_setting_id id);

enum { TCA_KERNEL_UNKNOWN = 0 };
#define TCA_KERNEL(major, minor) ((uint32_t)(major) << 16 | (uint32_t)(minor) << 8)
/* As a setting, to be read by people. */
#define TCA_RELEASE(major, minor) (INT64_C(1000) * (major) + (minor))

struct tca_facts {
    bool every_host;
    uint8_t addr[16]; /* IPv4 as ::ffff:a.b.c.d */
    bool given[TCA_SETTING_COUNT];
    bool typed[TCA_SETTING_COUNT]; /* of these: by name, not with others in a file */
    int64_t value[TCA_SETTING_COUNT];
    uint32_t kernel; /* major, minor, patch in a byte each; 0: unknown */
};

struct tca_known {
    struct tca_facts *list; /* owned; one entry per host named, one for every host */
    size_t count;
    uint64_t ignored; /* sysctls that were told but are none of ours */
    uint64_t unread;  /* lines of files that are no setting */
};

/* `addr` NULL: of every host. 0 or TCA_EMEMORY. */
int tca_known_set(struct tca_known *known, const uint8_t *addr, enum tca_setting_id id, int64_t value,
                  bool typed);
int tca_known_set_kernel(struct tca_known *known, const uint8_t *addr, uint32_t kernel);
/* Is it known of this host? */
bool tca_known_value(const struct tca_known *known, const uint8_t addr[16], enum tca_setting_id id,
                     int64_t *ret_value);
uint32_t tca_known_kernel(const struct tca_known *known, const uint8_t addr[16]);
int tca_known_copy(const struct tca_known *from, struct tca_known *ret_copy);
void tca_known_done(struct tca_known *known);

#endif
