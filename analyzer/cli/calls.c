/* SPDX-License-Identifier: MIT
 *
 * A list of what is refused, not of what is allowed: the C library, the decompressors and sanitizers may use new calls for old ends at
 * any time, and then a reader that no longer reads is worth less. Files are Landlock's matter
 * (sandbox.c).
 *
 *     other architecture, x32 -> refused        what the numbers below do not mean
 *     ioctl that types on the terminal -> refused
 *     number among the refused -> refused
 *     all else -> allowed
 *
 * Checked against seccomp(2), the newer numbers against asm-generic/unistd.h.
 */
#include "calls.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined __x86_64__ && !defined __ILP32__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined __aarch64__ && defined __AARCH64EL__
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#define ARCHITECTURE 0 /* not tried */
#endif

/* Since Linux 5.1 a call has one number on all processors that this is for; the headers of an older system lack the newer ones. */
enum {
    CALL_pidfd_send_signal = 424,
    CALL_io_uring_setup = 425,
    CALL_io_uring_enter = 426,
    CALL_io_uring_register = 427,
    CALL_open_tree = 428,
    CALL_move_mount = 429,
    CALL_fsopen = 430,
    CALL_fsconfig = 431,
    CALL_fsmount = 432,
    CALL_fspick = 433,
    CALL_pidfd_open = 434,
    CALL_pidfd_getfd = 438,
    CALL_mount_setattr = 442,
    CALL_fchmodat2 = 452,
    CALL_setxattrat = 463,
    CALL_removexattrat = 466,
    CALL_open_tree_attr = 467,
    CALL_file_setattr = 469
};

/* clang-format off */
static const int refused[] = {
    /* the network, and other processes by way of it */
    SYS_socket,
#ifndef TCA_WATCHED_IN /* a sanitizer stops its own process to look for leaks, and starts what finds names */
    SYS_socketpair, SYS_execve, SYS_ptrace, SYS_personality, SYS_kill,
#endif
    SYS_execveat, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, SYS_rt_sigqueueinfo,
    CALL_pidfd_open, CALL_pidfd_getfd, CALL_pidfd_send_signal,
    /* ways round other rules */
    CALL_io_uring_setup, CALL_io_uring_enter, CALL_io_uring_register, SYS_open_by_handle_at, SYS_userfaultfd, SYS_memfd_create,
    SYS_bpf, SYS_perf_event_open, SYS_fanotify_init, SYS_add_key, SYS_request_key, SYS_keyctl,
    /* what Landlock leaves: rights and owners of files by name */
#ifdef SYS_chmod
    SYS_chmod, SYS_chown, SYS_lchown,
#endif
    SYS_fchmodat, CALL_fchmodat2, SYS_fchownat, SYS_fchown, SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, CALL_setxattrat,
    SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr, CALL_removexattrat, CALL_file_setattr,
    /* what is mounted where, and who sees what */
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_unshare, SYS_setns, CALL_fsopen, CALL_fspick, CALL_fsconfig,
    CALL_fsmount, CALL_move_mount, CALL_open_tree, CALL_open_tree_attr, CALL_mount_setattr,
    /* the machine */
    SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct,
    SYS_settimeofday, SYS_clock_settime, SYS_adjtimex, SYS_clock_adjtime, SYS_sethostname, SYS_setdomainname, SYS_syslog,
    SYS_quotactl,
};

/* What types into a terminal as if the user had. */
static const uint32_t refused_ioctl[] = {TIOCSTI, TIOCLINUX};
/* clang-format on */

enum {
    COUNT = sizeof refused / sizeof *refused,
    IOCTLS = sizeof refused_ioctl / sizeof *refused_ioctl,
    X32 = 0x40000000, /* numbers of another set of calls */
    TO_REFUSED = 0xff /* a distance that is filled in at the end */
};

unsigned calls_refusable(void)
{
    uint32_t action = SECCOMP_RET_ERRNO;
    bool can = ARCHITECTURE && syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
    return can ? COUNT : 0;
}

/* ---- the program that looks at each call ---- */

struct program {
    struct sock_filter step[COUNT + IOCTLS + 16];
    unsigned short count;
};

static void put(struct program *p, unsigned code, size_t value, unsigned char yes, unsigned char no)
{
    p->step[p->count++] =
        (struct sock_filter){.code = (unsigned short)code, .jt = yes, .jf = no, .k = (uint32_t)value};
}

static void load(struct program *p, size_t offset)
{
    put(p, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

static void refuse_equal(struct program *p, uint32_t value)
{
    put(p, BPF_JMP | BPF_JEQ | BPF_K, value, TO_REFUSED, 0);
}

/* Jumps lead forward alone, so the end is known to all. */
static void end_program(struct program *p)
{
    put(p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
    for (unsigned at = 0; at < p->count; at++) {
        struct sock_filter *step = &p->step[at];
        unsigned char distance = (unsigned char)(p->count - at - 1);
        step->jt = step->jt == TO_REFUSED ? distance : step->jt;
        step->jf = step->jf == TO_REFUSED ? distance : step->jf;
    }
    put(p, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM, 0, 0);
}

static void write_program(struct program *p)
{
    load(p, offsetof(struct seccomp_data, arch));
    put(p, BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 0, TO_REFUSED);
    load(p, offsetof(struct seccomp_data, nr));
    if (ARCHITECTURE == AUDIT_ARCH_X86_64)
        put(p, BPF_JMP | BPF_JGE | BPF_K, X32, TO_REFUSED, 0);
    for (unsigned at = 0; at < COUNT; at++)
        refuse_equal(p, (uint32_t)refused[at]);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 1 + IOCTLS);
    load(p, offsetof(struct seccomp_data,
                     args[1])); /* the half that ioctl looks at: both architectures put it first */
    for (unsigned at = 0; at < IOCTLS; at++)
        refuse_equal(p, refused_ioctl[at]);
    end_program(p);
}

/* Without the flag older kernels slow a filtered process down, against code of others inside of it: there is none. */
unsigned calls_refuse(void)
{
    struct program p = {.count = 0};
    if (!ARCHITECTURE)
        return 0;
    write_program(&p);
    const struct sock_fprog filter = {.len = p.count, .filter = p.step};
    bool done = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &filter) == 0 ||
                syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0;
    return done ? COUNT : 0;
}
