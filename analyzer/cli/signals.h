/* SPDX-License-Identifier: MIT
 *
 * SIGINT and SIGTERM. The first one stops reading between two packets; what was read until then is told, or kept. The second one
 * ends the program.
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
/* What the program ends with after one. */
enum exit_code signals_exit(void);

#endif
