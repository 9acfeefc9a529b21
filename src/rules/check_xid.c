/* Xid codes of the NVIDIA driver: what each means and what to do. */
#include "rules/check.h"

#include <stdlib.h>

enum xid_kind { XID_APPLICATION, XID_HARDWARE, XID_FATAL };

static const struct xid {
    unsigned code;
    enum xid_kind kind;
    const char *means, *action;
} xids[] = {
    {8, XID_APPLICATION, "GPU stopped processing", "restart the program"},
    {11, XID_APPLICATION, "invalid or corrupted push buffer stream", "restart the program"},
    {12, XID_APPLICATION, "driver error while handling a GPU exception", "restart the program"},
    {13, XID_APPLICATION, "graphics engine exception", "look for a bug in the program"},
    {31, XID_APPLICATION, "GPU memory page fault", "look for a bug in the program"},
    {32, XID_APPLICATION, "invalid or corrupted push buffer", "restart the program"},
    {38, XID_HARDWARE, "driver firmware error", "reset the GPU"},
    {43, XID_APPLICATION, "GPU stopped processing", "restart the program"},
    {45, XID_APPLICATION, "work was removed, mostly because the program ended",
     "look at the Xid before this one"},
    {48, XID_FATAL, "double bit ECC error", "reset the GPU; return it if it comes back"},
    {54, XID_FATAL, "auxiliary power is not connected", "check the power cables"},
    {56, XID_HARDWARE, "display engine error", "restart the node"},
    {57, XID_FATAL, "error in programming the frame buffer", "return the GPU"},
    {58, XID_FATAL, "unstable video memory interface", "return the GPU"},
    {61, XID_FATAL, "internal microcontroller breakpoint or warning", "reset the GPU"},
    {62, XID_FATAL, "internal microcontroller halt", "reset the GPU"},
    {63, XID_HARDWARE, "a row was marked for remapping", "reset the GPU when it is idle"},
    {64, XID_FATAL, "a row could not be remapped", "reset the GPU; return it if it comes back"},
    {65, XID_HARDWARE, "video processor exception", "restart the program"},
    {68, XID_APPLICATION, "video processor exception", "restart the program"},
    {69, XID_APPLICATION, "graphics engine class error", "look for a bug in the program"},
    {74, XID_FATAL, "NVLink error", "reset all GPUs of the node; reseat the bridge or baseboard"},
    {79, XID_FATAL, "GPU has fallen off the bus",
     "cold power cycle; check power, seating and the PCIe link"},
    {80, XID_HARDWARE, "corrupted data sent to the GPU", "check the PCIe link"},
    {81, XID_HARDWARE, "VGA subsystem error", "restart the node"},
    {92, XID_HARDWARE, "many single bit ECC errors", "run the vendor's diagnosis"},
    {93, XID_HARDWARE, "InfoROM cannot be updated", "note it; return the GPU at the next chance"},
    {94, XID_HARDWARE, "contained uncorrectable ECC error: one program died",
     "restart the program; reset the GPU soon"},
    {95, XID_FATAL, "uncontained uncorrectable ECC error", "reset the GPU before any use"},
    {109, XID_FATAL, "context switch timed out", "reset the GPU"},
    {110, XID_FATAL, "security fault", "reset the GPU or cold power cycle"},
    {119, XID_FATAL, "GSP firmware does not answer", "reset the GPU or cold power cycle"},
    {120, XID_FATAL, "GSP firmware error", "reset the GPU or cold power cycle"},
    {121, XID_HARDWARE, "chip-to-chip link corrected errors", "watch"},
    {122, XID_HARDWARE, "SPI read of the power controller failed", "reset the GPU"},
    {123, XID_HARDWARE, "SPI write of the power controller failed", "reset the GPU"},
    {125, XID_HARDWARE, "InfoROM failed", "return the GPU at the next chance"},
    {136, XID_FATAL, "NVLink training failed", "reset all GPUs of the node"},
    {137, XID_APPLICATION, "NVLink page fault of a remote access", "look for a bug in the program"},
    {140, XID_FATAL, "uncorrected ECC error while recovering", "reset the GPU"},
    {143, XID_FATAL, "GPU initialisation failed", "reset the GPU; run the vendor's diagnosis"},
    {144, XID_FATAL, "NVLink: sequencer error", "reset all GPUs of the node"},
    {145, XID_FATAL, "NVLink: receive error", "reset all GPUs of the node"},
    {146, XID_FATAL, "NVLink: transport error", "reset all GPUs of the node"},
    {147, XID_FATAL, "NVLink: translation error", "reset all GPUs of the node"},
    {148, XID_FATAL, "NVLink: packet error", "reset all GPUs of the node"},
    {149, XID_FATAL, "NVLink: network layer error", "reset all GPUs of the node; check cables"},
    {150, XID_FATAL, "NVLink: memory system error", "reset all GPUs of the node"},
    {151, XID_FATAL, "key rotation failed (confidential computing)", "reset the GPU"},
    {154, XID_FATAL, "the driver asks for a recovery action", "do what the line says"},
    {155, XID_FATAL, "NVLink software defined error", "reset all GPUs of the node"},
    {156, XID_HARDWARE, "a resource was retired", "reset the GPU when it is idle"},
    {157, XID_HARDWARE, "a resource could not be retired", "run the vendor's diagnosis"},
    {158, XID_FATAL, "fatal timeout in the GPU", "reset the GPU; return it if it comes back"},
};

/* A code that the table lacks is taken for hardware: better looked at than overlooked. */
static const struct xid unlisted = {0, XID_HARDWARE, "a code that firstlight has no words for",
                                    "look it up in NVIDIA's Xid catalogue"};

static const struct xid *xid_of(unsigned long code)
{
    for (size_t i = 0; i < ARRAY_LEN(xids); i++)
        if (xids[i].code == code)
            return &xids[i];
    return &unlisted;
}

static void report_block(struct check *check, enum xid_kind kind, uint32_t subject,
                         const struct fact_ref *ref)
{
    for (uint32_t i = 0; i < ref->block->count; i++) {
        const struct fact *fact = &ref->block->facts[i];
        const char *path = fact_key_name(check->node->pool, fact->key);
        unsigned long code = strtoul(path + 4, NULL, 10); /* "Xid.79" */
        const struct xid *xid = xid_of(code);

        if (strncmp(path, "Xid.", 4) || xid->kind != kind || fact->number == 0)
            continue;
        check_hit(check, subject, (struct fact_at){fact, ref}, "Xid %lu, %lld times: %s; %s", code,
                  (long long)fact->number, xid->means, xid->action);
    }
}

static void report_kind(struct check *check, enum xid_kind kind)
{
    uint32_t name = check_block(check, "Xid");

    if (!check_saw(check, name))
        return;
    for (uint32_t s = 0; s < check->node->subject_count; s++)
        for (uint32_t r = 0; r < check->node->subjects[s].count; r++)
            if (check->node->subjects[s].refs[r].block->name == name)
                report_block(check, kind, s, &check->node->subjects[s].refs[r]);
}

void check_xid_fatal(struct check *check)
{
    report_kind(check, XID_FATAL);
}

void check_xid_hardware(struct check *check)
{
    report_kind(check, XID_HARDWARE);
}

void check_xid_application(struct check *check)
{
    report_kind(check, XID_APPLICATION);
}
