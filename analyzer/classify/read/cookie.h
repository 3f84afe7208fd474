/* SPDX-License-Identifier: MIT
 *
 * The marks of a SYN cookie, as one flow shows them. A cookie keeps no request: what the SYN said is coded into the
 * SYN+ACK's numbers, and what does not fit is lost.
 */
#ifndef TCA_CLASSIFY_COOKIE_H
#define TCA_CLASSIFY_COOKIE_H

#include "classify/read/dossier.h"

/* A SYN+ACK's lag that tells, in ms. A cookie's TSval carries options in its low six bits, so it lies up to 63 ms in
 * the past (syncookies.c cookie_init_timestamp), and one more where the time between was rounded down; below 4 ms
 * other causes are as likely. */
enum { TCA_COOKIE_SKEW_MIN = 4, TCA_COOKIE_SKEW_MAX = 64 };

/* How far the SYN+ACK's TSval lags the server's clock, in ms, by the child's first word. false: cannot be told,
 * as where the way of the SYN+ACK took that much longer. */
bool tca_cookie_lag(const struct tca_dossier *d, const struct tca_mark *synack, int64_t *ret_ms);

/* What a SYN+ACK's TSval says of the server's clock. A cookie's clock stands still for 64 ms: its TSval is the newest
 * one, not after the present, of which the low six bits are the code of the options, so among all cookies of one host
 * the time that it names, less that code, is the same modulo 64 ms. That holds whatever is added to the clock of each
 * connection, and for a request's SYN+ACK once in 64 only. */
struct tca_stamp {
    int64_t named_us; /* the time that it names, by the child's first word */
    int64_t lag_us;   /* so much before it was sent */
    int32_t phase_us; /* named_us less the code of the options, modulo 64 ms */
};
enum { TCA_STAMP_STEP_US = 64000 };

/* false: cannot be told. */
bool tca_cookie_stamp(const struct tca_dossier *d, const struct tca_mark *synack, struct tca_stamp *ret);

/* Without timestamps there is no room for window scale and SACK: the SYN+ACK lacks both though they were offered. Or this server has
 * neither: IPv4 tells by the ID, 0 in what Linux sends for a request, IPv6 by what others of the listener got. */
bool tca_cookie_options_withheld(const struct tca_mirror *m, const struct tca_mark *syn,
                                 const struct tca_mark *synack);
/* The same, where it is a request of Linux by its ID. */
bool tca_cookie_options_missing(const struct tca_mirror *m, const struct tca_mark *syn,
                                const struct tca_mark *synack);

/* How many bytes the child's first word takes back of the window that the SYN+ACK offered; 0 for none. A TCP does not
 * do that; but a cookie remembers no window. Computed anew it holds whole segments without time stamps, where that of
 * a request held whole segments with them (tcp_openreq_init_rwin, cookie_v4_check): less than one segment apart. */
int64_t tca_cookie_window(const struct tca_dossier *d, const struct tca_mark *synack);

#endif
