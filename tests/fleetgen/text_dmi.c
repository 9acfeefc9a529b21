/* fleetgen/text_dmi - dmidecode: firmware, system, board, processors, memory devices. */
#include "texts.h"

static void header(struct buf *out, unsigned *handle, int type, int bytes, const char *title)
{
    buf_printf(out, "Handle 0x%04X, DMI type %d, %d bytes\n%s\n", (*handle)++, type, bytes, title);
}

static void dimm(const struct text_input *in, int slot, struct rng *rng, unsigned *handle,
                 struct buf *out)
{
    const struct host_facts *host = in->host;
    int per_socket = host->dimm_slots / host->sockets;
    int channel = slot % per_socket;

    header(out, handle, 17, 92, "Memory Device");
    buf_puts(out, "\tArray Handle: 0x0010\n\tError Information Handle: Not Provided\n");
    if (slot == host->dimm_missing) {
        buf_puts(out, "\tTotal Width: Unknown\n\tData Width: Unknown\n"
                      "\tSize: No Module Installed\n");
    } else {
        buf_printf(out, "\tTotal Width: 80 bits\n\tData Width: 64 bits\n\tSize: %d GB\n",
                   host->dimm_gb);
    }
    buf_printf(out, "\tForm Factor: DIMM\n\tSet: None\n\tLocator: DIMM_P%d_%c%d\n",
               slot / per_socket, 'A' + channel % 8, channel / 8);
    buf_printf(out, "\tBank Locator: P%d CHANNEL %c\n", slot / per_socket, 'A' + channel % 8);
    if (slot != host->dimm_missing) {
        buf_printf(
            out,
            "\tType: %s\n\tType Detail: Synchronous Registered (Buffered)\n"
            "\tSpeed: %d MT/s\n\tManufacturer: %s\n\tSerial Number: %08X\n"
            "\tAsset Tag: Not Specified\n\tPart Number: %s\n\tRank: 2\n"
            "\tConfigured Memory Speed: %d MT/s\n",
            host->dimm_rated_mts >= 4800 ? "DDR5" : "DDR4", host->dimm_rated_mts,
            slot == host->dimm_odd ? "Kingston" : host->dimm_maker, (unsigned)(rng_next(rng) >> 32),
            slot == host->dimm_odd ? "KSM48R40BD4TMM-64HMR" : host->dimm_part, host->dimm_mts);
    } else {
        buf_puts(out, "\tType: Unknown\n\tType Detail: Synchronous\n\tSpeed: Unknown\n"
                      "\tManufacturer: NO DIMM\n\tSerial Number: NO DIMM\n"
                      "\tAsset Tag: NO DIMM\n\tPart Number: NO DIMM\n\tRank: Unknown\n"
                      "\tConfigured Memory Speed: Unknown\n");
    }
    buf_puts(out, "\n");
}

void text_dmidecode(const struct text_input *in, struct buf *out)
{
    const struct host_facts *host = in->host;
    struct rng rng = noise_rng(in->noise, 0x20);
    unsigned handle = 0;
    uint64_t high = rng_next(&rng), low = rng_next(&rng);

    buf_puts(out, "# dmidecode 3.3\nGetting SMBIOS data from sysfs.\nSMBIOS 3.3.0 present.\n"
                  "Table at 0x6CDE4000.\n\n");
    header(out, &handle, 0, 26, "BIOS Information");
    buf_printf(out,
               "\tVendor: %s\n\tVersion: %s\n\tRelease Date: %s\n\tAddress: 0xF0000\n"
               "\tRuntime Size: 64 kB\n\tROM Size: 32 MB\n\tCharacteristics:\n"
               "\t\tPCI is supported\n\t\tBIOS is upgradeable\n\t\tUEFI is supported\n"
               "\tBIOS Revision: 2.3\n\n",
               host->bios_vendor, host->bios_version, host->bios_date);
    header(out, &handle, 1, 27, "System Information");
    buf_printf(out,
               "\tManufacturer: %s\n\tProduct Name: %s\n\tVersion: Not Specified\n"
               "\tSerial Number: S%07X\n"
               "\tUUID: %08x-%04x-%04x-%04x-%012llx\n\tWake-up Type: Power Switch\n"
               "\tSKU Number: SKU\n\tFamily: Server\n\n",
               host->manufacturer, host->product, (unsigned)(rng_next(&rng) >> 36),
               (unsigned)(high >> 32), (unsigned)(high >> 16 & 0xffff),
               0x4000u | (unsigned)(high & 0xfff), 0x8000u | (unsigned)(low >> 50),
               (unsigned long long)(low & 0xffffffffffff));
    header(out, &handle, 2, 8, "Base Board Information");
    buf_printf(out,
               "\tManufacturer: %s\n\tProduct Name: %s\n\tVersion: %s\n"
               "\tSerial Number: .B%07X.\n\tType: Motherboard\n\n",
               host->manufacturer, host->board, host->board_version,
               (unsigned)(rng_next(&rng) >> 36));
    header(out, &handle, 3, 22, "Chassis Information");
    buf_printf(out, "\tManufacturer: %s\n\tType: Rack Mount Chassis\n\tLock: Present\n\n",
               host->manufacturer);
    for (int socket = 0; socket < host->sockets; socket++) {
        header(out, &handle, 4, 48, "Processor Information");
        buf_printf(out,
                   "\tSocket Designation: CPU%d\n\tType: Central Processor\n\tVersion: %s\n"
                   "\tMax Speed: %d MHz\n\tStatus: Populated, Enabled\n\tCore Count: %d\n"
                   "\tCore Enabled: %d\n\tThread Count: %d\n\n",
                   socket + 1, host->cpu_model, host->max_mhz, host->cores, host->cores,
                   host->cores * host->threads);
    }
    header(out, &handle, 16, 23, "Physical Memory Array");
    buf_printf(out,
               "\tLocation: System Board Or Motherboard\n\tUse: System Memory\n"
               "\tError Correction Type: Multi-bit ECC\n\tMaximum Capacity: 12 TB\n"
               "\tNumber Of Devices: %d\n\n",
               host->dimm_slots);
    for (int slot = 0; slot < host->dimm_slots; slot++)
        dimm(in, slot, &rng, &handle, out);
    header(out, &handle, 38, 18, "IPMI Device Information");
    buf_puts(out, "\tInterface Type: KCS (Keyboard Control Style)\n"
                  "\tSpecification Version: 2.0\n\tI2C Slave Address: 0x10\n\n");
}
