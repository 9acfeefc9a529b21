#include "sched/remote.h"

#include <elf.h>
#include <string.h>

/* An empty file is run to see whether the folder lets programs run: sh takes it for an empty
 * script, and on a noexec mount it gets EACCES. As many zeros as the executable has bytes show
 * whether it has the room. stdin is read once a folder is found. The executable removes itself when
 * it starts, so that it is gone even if it hangs; the trap is for what happens before and after. */
static const char script[] =
    "firstlight_node=%s;export firstlight_node;s=%s;umask 077;w=;d=;"
    "%s%s%s"
    "c(){ [ -z \"$d\" ]||rm -rf \"$d\";d=;};trap c EXIT;trap \"exit 1\" HUP INT TERM PIPE;"
    "for t in \"$XDG_RUNTIME_DIR\" \"$TMPDIR\" /tmp /var/tmp /dev/shm \"$HOME\";do "
    "[ -n \"$t\" ]&&[ -d \"$t\" ]||continue;"
    "d=$(mktemp -d \"$t/.firstlight-XXXXXX\" 2>/dev/null)||{ d=;w=\"$w, $t can not be written\";"
    "continue;};"
    "{ :>\"$d/agent\"&&chmod 700 \"$d/agent\"&&\"$d/agent\";} 2>/dev/null||"
    "{ w=\"$w, $t does not let programs run\";c;continue;};"
    "head -c %zu /dev/zero 2>/dev/null >\"$d/agent\"||{ w=\"$w, $t is full\";c;continue;};"
    "break;done;"
    "[ -n \"$d\" ]||{ echo \"$s: no space on this host for the agent (%zu KiB)$w\" >&2;exit 41;};"
    "cat >\"$d/agent\";[ $(wc -c <\"$d/agent\") -eq %zu ]||"
    "{ echo \"$s: the agent was cut off on its way here\" >&2;exit 42;};"
    "\"$d/agent\" %s";

const char *remote_machine(const void *executable, size_t len)
{
    Elf64_Ehdr header;

    if (len < sizeof(header))
        return NULL;
    memcpy(&header, executable, sizeof(header));
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
        return NULL;
    return header.e_machine == EM_X86_64    ? "x86_64"
           : header.e_machine == EM_AARCH64 ? "aarch64"
                                            : NULL;
}

const char *remote_command(struct arena *arena, size_t executable_bytes, const char *machine,
                           const char *arguments, bool framed)
{
    return arena_printf(arena, script, framed ? "${SLURMD_NODENAME:-$(uname -n)}" : "",
                        framed ? REMOTE_SAYS "@$firstlight_node" : REMOTE_SAYS,
                        machine ? "m=$(uname -m);[ \"$m\" = " : "", machine ? machine : "",
                        machine ? " ]||{ echo \"$s: this host is $m, and the agent is for another "
                                  "machine\" >&2;exit 43;};"
                                : "",
                        executable_bytes, (executable_bytes + 1023) / 1024, executable_bytes,
                        arguments);
}
