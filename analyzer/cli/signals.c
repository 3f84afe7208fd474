/* SPDX-License-Identifier: MIT
 *
 * A signal handler has no argument: this is the one place where the program keeps state outside its functions.
 */
#include "signals.h"

#include <errno.h>

static struct tca_session *volatile interrupted_session;
static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    caught = number;
    if (interrupted_session)
        tca_session_interrupt(interrupted_session);
}

void signals_catch(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static bool pipe_ignored; /* by who called the program */

void signals_hold_pipe(void)
{
    pipe_ignored = signal(SIGPIPE, SIG_IGN) == SIG_IGN;
}

void signals_end_by_pipe(void)
{
    if (errno != EPIPE || pipe_ignored)
        return;
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
}

const volatile sig_atomic_t *signals_flag(void)
{
    return &caught;
}

/* A signal may have come before there was a session to stop. */
void signals_interrupt(struct tca_session *session)
{
    interrupted_session = session;
    if (session && caught)
        tca_session_interrupt(session);
}

enum exit_code signals_exit(void)
{
    return caught == SIGTERM ? EXIT_TERMINATED : EXIT_INTERRUPTED;
}
