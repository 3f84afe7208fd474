/* SPDX-License-Identifier: MIT
 *
 * SIGINT and SIGTERM. The first one stops reading between two packets; what was read until then is told, or kept. The second one
 * ends the program. SIGPIPE ends it where a reader of standard output has seen enough, and nowhere else: whoever closes standard
 * error, or a pipe that is one output of several, takes nothing from the others.
 */
#ifndef TCA_CLI_SIGNALS_H
#define TCA_CLI_SIGNALS_H

#include "options.h"

#include <signal.h>
#include <tcpautopsy/session.h>

/* From now on signals are caught. */
void signals_catch(void);
/* Non-zero once there was one; what plans and loops look at. */
const volatile sig_atomic_t *signals_flag(void);
static inline bool signals_any(void)
{
    return *signals_flag() != 0;
}
/* The session that a signal interrupts at once; NULL: none any more. For the one thread that the signals reach. */
void signals_interrupt(struct tca_session *session);
/* Before anything is written. */
void signals_hold_pipe(void);
/* Standard output could not be written; errno tells why. Does not return if its reader is gone, unless the caller of the program
 * has SIGPIPE ignored: then that is an error like others. */
void signals_end_by_pipe(void);
/* What the program ends with after one. */
enum exit_code signals_exit(void);

#endif
