/* SPDX-License-Identifier: MIT
 *
 * System calls that no reader of captures needs, refused from now on: whatever it is made to do, it opens no socket, starts no
 * program, looks into no other process and changes nothing of the machine.
 */
#ifndef TCA_CLI_CALLS_H
#define TCA_CLI_CALLS_H

/* How many are refused; 0: this kernel or this processor's builds cannot. For this thread and those that it starts, after no_new_privs
 * was set. They fail with EPERM. */
unsigned calls_refuse(void);
/* How many would be. */
unsigned calls_refusable(void);

#endif
