/* SPDX-License-Identifier: MIT
 *
 * What the sweep over SYN pressure shows of each listener of one capture, for tests/lab/pressure.py:
 *
 *     bounds CAPTURE [VANTAGE]
 *     ADDRESS PORT NAME MIN MAX
 */
#include "base/buf.h"
#include "engine/run.h"

#include <inttypes.h>
#include <stdio.h>

struct row {
    const char *name;
    struct tca_bounds bounds;
};

static void print_listener(const struct tca_listener *l)
{
    const struct row rows[] = {{"SyncookiesSent", l->cookies_sent},
                               {"TCPReqQFullDoCookies", l->reqq_full_cookies},
                               {"TCPReqQFullDrop", l->reqq_full_drops},
                               {"syn_queue", l->synq}};
    struct tca_buf addr = {0};
    tca_buf_ip(&addr, l->addr, l->family);
    for (size_t at = 0; at < sizeof rows / sizeof rows[0]; at++)
        printf("%s %u %s %" PRIu64 " %" PRIu64 "\n", tca_buf_text(&addr), (unsigned)l->port, rows[at].name,
               rows[at].bounds.min, rows[at].bounds.max);
    tca_buf_done(&addr);
}

static int run(struct tca_settings *set, const char *path, struct tca_session **ret_session,
               struct tca_error *error)
{
    int code = tca_session_open(set, ret_session, error);
    if (!code)
        code = tca_session_read(*ret_session, path, error);
    return code ? code : tca_session_finish(*ret_session, error);
}

int main(int argc, char **argv)
{
    struct tca_error error = {0};
    struct tca_session *session = NULL;
    struct tca_settings *set = argc > 1 ? tca_settings_new() : NULL;
    int code = set ? 0 : TCA_EUSAGE;
    if (!code && argc > 2)
        code = tca_settings_set(set, "vantage", argv[2], &error);
    if (!code)
        code = run(set, argv[1], &session, &error);
    for (size_t at = 0; !code && at < tca_swept_listeners(session); at++) {
        struct tca_listener room;
        print_listener(tca_swept_listener(session, at, &room));
    }
    if (code)
        fprintf(stderr, "bounds: %s\n", error.text);
    tca_session_free(session);
    tca_settings_free(set);
    return code ? 1 : 0;
}
