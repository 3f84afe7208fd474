/* SPDX-License-Identifier: MIT
 *
 * What judges share: the base confidence of a finding by where the capture was taken, one word each for server,
 * middle and client; and roles and durations in words.
 */
#ifndef TCA_CLASSIFY_LEVEL_H
#define TCA_CLASSIFY_LEVEL_H

#include "classify/finding.h"

struct tca_levels {
    enum tca_confidence server, middle, client; /* TCA_NO: cannot be claimed there */
};

/* The same everywhere; and where only a capture at the client leaves a doubt. */
extern const struct tca_levels tca_levels_certain, tca_levels_probable, tca_levels_but_client;

/* What the finding rests on. */
enum tca_basis {
    TCA_BASIS_SEEN,    /* segments that passed: any vantage shows them */
    TCA_BASIS_SILENCE, /* segments that did not: an unknown vantage costs one level, and so do gaps, a
                          missing start, or losses that the capture tells of */
};

/* The level for this case. `same host` sees what the server sees; `unknown` is taken for the middle. */
enum tca_confidence tca_level(const struct tca_case *c, struct tca_levels levels, enum tca_basis basis);

/* Is silence worth a level less: gaps, a missing start, or losses that the capture tells of? */
bool tca_lacks_some(const struct tca_case *c);

/* How many levels less this host's silence is worth: other connections show that the capture lacks segments of it, or all
 * that it sends (a tap of one direction, a filter, an asymmetric route). */
int tca_unheard(const struct tca_case *c, int role);

/* Of a reading that only Linux' way of building segments gives (a step of 65537, IP ID 0, the lag of a cookie's
 * TSval): this level if that end's system is Linux by two marks or more, else one lower. */
bool tca_linux_host(const struct tca_host *host);
enum tca_confidence tca_linux_only(const struct tca_case *c, int role, enum tca_confidence level);

/* Arguments for "%u.%03u s". */
#define TCA_WHOLE_S(ns) tca_whole_s(ns), tca_whole_ms(ns)

/* "client" and "server", by role. */
extern const char *const tca_role_name[2];

/* A duration in words: whole seconds, and the milliseconds left over. A negative one (the capture's time stamps went
 * backwards) is 0. */
static inline unsigned tca_whole_s(int64_t ns)
{
    int64_t seconds = ns / INT64_C(1000000000);
    return seconds < 0 ? 0 : seconds > UINT32_MAX ? UINT32_MAX : (unsigned)seconds;
}

static inline unsigned tca_whole_ms(int64_t ns)
{
    return ns < 0 ? 0 : (unsigned)(ns / 1000000 % 1000);
}

#endif
