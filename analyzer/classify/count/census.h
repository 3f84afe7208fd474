/* SPDX-License-Identifier: MIT
 *
 * The census: how many sockets were in which state, at every host and every listener, at any time. Each socket
 * counts once, at its own host, also where two captures show it.
 *
 *     dossiers --> sockets, sorted by host, port, tuple --> edges (time, host, listener, from, to)
 *     edges, sorted by time --> counts per bucket and scope; the highest count of each listener
 *
 * Sockets and edges wait in sorters that spill. In memory are a few bytes for each host and each listener, and some hundred
 * for each where a socket is at a time, or was within the present bucket, and for each listener that is asked for. Rows are
 * as many as there are changes, three times at most, whatever time lies between them. The result does not depend on the order in which dossiers were added.
 */
#ifndef TCA_CLASSIFY_CENSUS_H
#define TCA_CLASSIFY_CENSUS_H

#include "classify/count/socket.h"

struct tca_census; /* opaque */

/* One of `of` that share the memory it may take before it uses files. 0 or TCA_EMEMORY. `temp_dir` as in base/extsort.h. */
int tca_census_new(const char *temp_dir, unsigned of, struct tca_census **ret_census);
/* What another one took, before either was run; only to be freed after that. 0, TCA_EMEMORY or TCA_EOUTPUT. */
int tca_census_join(struct tca_census *c, const struct tca_census *other);
/* Take both ends of one flow, or with `served` those alone that may tell of a served port; its dossier may go away afterwards. Its clocks ran to `until_ns`; from `let_go_ns` on
 * nobody watches any more (INT64_MAX: for ever). 0, TCA_EMEMORY or TCA_EOUTPUT. */
int tca_census_add(struct tca_census *c, const struct tca_case *flow, const struct tca_sweep *served,
                   int64_t until_ns, int64_t let_go_ns);
/* All flows are in: find hosts, listeners and their highest counts, these of the listeners alone that are `listed`; NULL: of all.
 * Call once, before what follows. 0, TCA_EMEMORY or TCA_EOUTPUT. */
typedef bool tca_listed_fn(void *user, uint32_t capture, const uint8_t addr[16], uint16_t port);
int tca_census_run(struct tca_census *census, tca_listed_fn *listed, void *user);
void tca_census_free(struct tca_census *census); /* accepts NULL */

/* Every socket by own address, own port and tuple; of one tuple in time order, never two at once. Non-zero
 * from fn stops and is returned. */
typedef int tca_socket_fn(void *user, const struct tca_socket *socket);
int tca_census_sockets(struct tca_census *census, tca_socket_fn *fn, void *user);

/* Most sockets in one state at one time, and the first time that it was so. */
struct tca_peak {
    uint32_t count;
    int64_t at_ns; /* meaningless while count is 0 */
};
/* Of the server ends at this address and port that this capture tells of (of two that show the same one the server's
 * own side). Of SYN_RECV, CLOSE_WAIT and TIME_WAIT; of any other state, and of a listener that was not listed, 0. */
struct tca_peak tca_census_peak(const struct tca_census *census, uint32_t capture, const uint8_t addr[16],
                                uint16_t port, enum tca_state state);

enum tca_scope_of_count { TCA_COUNT_ALL, TCA_COUNT_HOST, TCA_COUNT_LISTENER };

/* One scope in one bucket in which something changed there. */
struct tca_census_row {
    int64_t end_ns, width_ns; /* of the bucket, which holds its beginning and not its end */
    enum tca_scope_of_count scope;
    uint8_t addr[16]; /* HOST and LISTENER; family 0: ALL */
    uint8_t family;
    uint16_t port;                  /* LISTENER */
    uint32_t now[TCA_STATE_COUNT];  /* at the bucket's end, by enum tca_state */
    uint32_t most[TCA_STATE_COUNT]; /* at any time in it, its beginning included */
    uint64_t opened, closed;        /* sockets that came, that went */
};
/* Rows by bucket, scope, address, port. `host`: of this address only, without ALL; NULL: everything. `width_ns` above
 * 0. Non-zero from fn stops and is returned. Several threads may ask at a time. */
typedef int tca_census_fn(void *user, const struct tca_census_row *row);
int tca_census_rows(struct tca_census *census, int64_t width_ns, const uint8_t *host, tca_census_fn *fn,
                    void *user);

#endif
