/* SPDX-License-Identifier: MIT
 *
 * The host: what all connections of one address show of its system together, and where the capture was taken
 * as seen from each pair of hosts. Built by a sweep over all dossiers, before any flow is judged.
 *
 *     dossier --> each end, counted for its host: how its opening segment was built, its IP IDs, its TSval
 *             --> one pair: the two round trips of a clean handshake, on whose side segments looked local
 *
 * Hosts are numbered: while dossiers come as they are met, afterwards in order of captures and addresses. Whoever gathers
 * beside them keeps the numbers instead of addresses, and asks for the later ones when all is gathered.
 *
 * Until something is shown, nothing is claimed: `os` UNKNOWN, `ids_tell` false, `echo` UNKNOWN. The result does not
 * depend on the order in which dossiers were added; time is n log n, memory proportional to the connections.
 */
#ifndef TCA_CLASSIFY_HOST_H
#define TCA_CLASSIFY_HOST_H

#include "classify/read/dossier.h"
#include "classify/sweep/clocks.h"
#include "classify/sweep/known.h"
#include "classify/sweep/listener.h"

enum tca_os { TCA_OS_UNKNOWN, TCA_OS_LINUX, TCA_OS_OTHER };

/* Which TSval a repeated SYN+ACK echoes after the client's ACK was received and refused
 * (tcp_minisocks.c tcp_check_req): kernels up to 5.10 that ACK's, 6.1.192 and later the SYN's. */
enum tca_echo { TCA_ECHO_UNKNOWN, TCA_ECHO_OLD, TCA_ECHO_NEW };

/* What speaks for a system, each told by another part of its code. */
enum tca_os_mark {
    TCA_OS_TTL = 1 << 0,     /* first TTL, rounded up from what is left of it */
    TCA_OS_OPTIONS = 1 << 1, /* order of the options in its SYN or SYN+ACK */
    TCA_OS_WINDOW = 1 << 2,  /* first window: a whole number of segments */
    TCA_OS_IP_ID = 1 << 3,   /* 0 in SYN+ACKs, counting up in connections */
};

struct tca_host {
    uint8_t addr[16];
    uint8_t family;
    uint32_t capture;
    enum tca_os os;
    uint8_t os_marks; /* independent marks that agree with `os` */
    bool
        ids_tell; /* SYN+ACK has IP ID 0 and data counts up, on three flows or more: IP ID names the emitter */
    enum tca_echo echo;
    uint8_t ttl_least, ttl_most; /* of its SYNs and SYN+ACKs here; 0: none was seen */
    bool heard, both_ways;       /* segments of it are here; in a connection of which both directions are */
    bool
        unheard; /* the capture lacks segments of it: of a connection all, or of one direction whatever passed */
    bool local;       /* the capture was taken on this host, by more than round trips */
    bool peers_local; /* ... on the other host, whichever it was */
    bool routed;      /* routers lowered its TTL before the capture point, which is then not on this host */
    enum tca_clock_kind clock;     /* of the connections that bear time stamps */
    uint32_t met;                  /* its number while dossiers came */
    const struct tca_known *known; /* what the user told of hosts; NULL: nothing. Ask tca_host_knows() */
};

/* Did the user tell this setting of the host? */
bool tca_host_knows(const struct tca_host *host, enum tca_setting_id id, int64_t *ret_value);
/* A setting in seconds, if it is known; else `otherwise_ns`. */
int64_t tca_host_seconds(const struct tca_host *host, enum tca_setting_id id, int64_t otherwise_ns);
/* After so long a request is forgotten whatever became of its SYN+ACKs, if tcp_synack_retries is known; else -1. */
int64_t tca_host_request_ns(const struct tca_host *host);
/* What the user told of its clocks. */
struct tca_limits tca_host_limits(const struct tca_host *host);
/* Its kernel, as told by the user; TCA_KERNEL_UNKNOWN if it was not. */
uint32_t tca_host_kernel(const struct tca_host *host);

#define TCA_NO_HOST UINT32_MAX

struct tca_hosts; /* opaque */

/* 0 or TCA_EMEMORY. `user`: the vantage given for every pair, or TCA_VANTAGE_UNKNOWN to infer it. */
int tca_hosts_new(enum tca_vantage user, struct tca_hosts **ret_hosts);
/* First each dossier meets its hosts, which sets their numbers in it; then it may be added. */
int tca_hosts_meet(struct tca_hosts *hosts, struct tca_dossier *d);
/* The number of an address that another dossier has met; else TCA_NO_HOST. */
uint32_t tca_hosts_met(const struct tca_hosts *hosts, uint32_t capture, const uint8_t addr[16]);
int tca_hosts_add(struct tca_hosts *hosts, const struct tca_dossier *d);
/* All flows are in. Call once, before find and vantage. */
int tca_hosts_run(struct tca_hosts *hosts);
/* From now on judges may ask for what is known of hosts besides the traffic. `known` is borrowed until the hosts are
 * freed. Call at most once, after run. */
void tca_hosts_learn(struct tca_hosts *hosts, const struct tca_known *known);
/* The number that it has from run on, of the one that it had while dossiers came. */
uint32_t tca_hosts_rank(const struct tca_hosts *hosts, uint32_t met);
/* Soon this address will be looked for: begin to fetch from memory what that needs; and some time later what that leads to. */
void tca_hosts_fetch(const struct tca_hosts *hosts, uint32_t capture, const uint8_t addr[16]);
void tca_hosts_fetch_on(const struct tca_hosts *hosts, uint32_t capture, const uint8_t addr[16]);
/* Never NULL: an empty one for an address never added, and before run. Borrowed until the hosts are freed. */
const struct tca_host *tca_hosts_find(const struct tca_hosts *hosts, uint32_t capture,
                                      const uint8_t addr[16]);
/* Its number from run on; TCA_NO_HOST of the empty one. */
uint32_t tca_hosts_number(const struct tca_hosts *hosts, const struct tca_host *host);
/* In order of captures and addresses; NULL behind the last. */
const struct tca_host *tca_hosts_at(const struct tca_hosts *hosts, size_t at);
/* Where the capture was taken, as this pair of hosts shows it by itself; UNKNOWN where that is too little. */
enum tca_vantage tca_hosts_vantage(const struct tca_hosts *hosts, const struct tca_dossier *d);
/* Round trips alone take a router next to a host for the host: the vantage without what TTLs exclude. Either host may be
 * NULL. */
enum tca_vantage tca_vantage_by_ttl(enum tca_vantage vantage, const struct tca_host *client,
                                    const struct tca_host *server);
void tca_hosts_free(struct tca_hosts *hosts); /* accepts NULL */

#endif
