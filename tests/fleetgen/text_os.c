/* fleetgen/text_os - sysctl, limits, modules, services, releases. */
#include "texts.h"

void text_sysctl(const struct text_input *in, struct buf *out)
{
    const struct host_facts *host = in->host;

    buf_printf(out, "fs.file-max = 9223372036854775807\nkernel.numa_balancing = %d\n",
               host->numa_balancing);
    buf_printf(out, "kernel.osrelease = %s\n", host->kernel);
    buf_printf(out,
               "net.core.rmem_max = 16777216\nnet.core.wmem_max = 16777216\n"
               "net.ipv4.tcp_rmem = 4096\t87380\t16777216\n"
               "vm.nr_hugepages = %d\nvm.swappiness = 10\nvm.zone_reclaim_mode = %d\n",
               host->hugepages, host->zone_reclaim);
}

void text_limits(const struct text_input *in, struct buf *out)
{
    const struct host_facts *host = in->host;

    buf_puts(out, "core file size              (blocks, -c) 0\n"
                  "data seg size               (kbytes, -d) unlimited\n"
                  "file size                   (blocks, -f) unlimited\n");
    if (host->memlock_kb < 0)
        buf_puts(out, "max locked memory           (kbytes, -l) unlimited\n");
    else
        buf_printf(out, "max locked memory           (kbytes, -l) %d\n", host->memlock_kb);
    buf_printf(out, "open files                          (-n) %d\n", host->nofile);
    buf_puts(out, "stack size                  (kbytes, -s) 8192\n"
                  "max user processes                  (-u) 8252173\n"
                  "virtual memory              (kbytes, -v) unlimited\n");
}

void text_modules(const struct text_input *in, struct buf *out)
{
    struct rng rng = noise_rng(in->noise, 0x40);

    buf_puts(out, "Module                  Size  Used by\n");
    if (in->host->peermem)
        buf_puts(out, "nvidia_peermem         16384  0\n");
    buf_printf(out, "nvidia_uvm           4710400  %d\n", 2 + (int)rng_below(&rng, 9));
    buf_puts(out, "nvidia_drm             94208  0\nnvidia_modeset       1355776  1 nvidia_drm\n");
    buf_printf(out, "nvidia              54038528  %d nvidia_uvm,nvidia_modeset\n",
               300 + (int)rng_below(&rng, 300));
    buf_puts(out, "ib_ipoib              135168  0\nib_umad                40960  8\n"
                  "mlx5_ib               462848  0\nib_uverbs             163840  2 "
                  "rdma_ucm,mlx5_ib\nrdma_cm               122880  2 rpcrdma,rdma_ucm\n"
                  "mlx5_core            2125824  1 mlx5_ib\nnvme                   53248  4\n"
                  "nvme_core             143360  5 nvme\nipmi_si                73728  1\n");
}

void text_os_release(const struct text_input *in, struct buf *out)
{
    const struct host_facts *host = in->host;

    buf_printf(out,
               "PRETTY_NAME=\"%s\"\nNAME=\"Ubuntu\"\nVERSION_ID=\"%s\"\nID=%s\n"
               "ID_LIKE=debian\nHOME_URL=\"https://www.ubuntu.com/\"\n",
               host->os_name, host->os_version, host->os_id);
}

void text_systemctl(const struct text_input *in, struct buf *out)
{
    const struct host_facts *host = in->host;

    buf_puts(out, "  UNIT                          LOAD   ACTIVE   SUB     DESCRIPTION\n");
    buf_puts(out, "  chrony.service                loaded active   running chrony, an NTP "
                  "client/server\n");
    buf_printf(out, "%s irqbalance.service            loaded %s irqbalance daemon\n", " ",
               host->irqbalance ? "active   running" : "inactive dead   ");
    if (host->nvlinks > 0 && host->maker != CPU_ARM)
        buf_printf(out,
                   "%s nvidia-fabricmanager.service  loaded %s NVIDIA fabric manager service\n",
                   host->fabric_manager ? " " : "\342\227\217",
                   host->fabric_manager ? "active   running" : "failed   failed ");
    buf_printf(out, "%s nvidia-persistenced.service   loaded %s NVIDIA Persistence Daemon\n", " ",
               host->persistence ? "active   running" : "inactive dead   ");
    buf_puts(out, "  openibd.service               loaded active   exited  openibd - configure "
                  "Mellanox devices\n"
                  "  ssh.service                   loaded active   running OpenBSD Secure Shell "
                  "server\n");
}

void text_uname(const struct text_input *in, struct buf *out)
{
    buf_printf(out, "Linux %s %s #123-Ubuntu SMP Mon Jun 10 08:16:17 UTC 2024 %s GNU/Linux\n",
               in->noise->hostname, in->host->kernel,
               in->host->maker == CPU_ARM ? "aarch64 aarch64 aarch64" : "x86_64 x86_64 x86_64");
}

void text_ofed(const struct text_input *in, struct buf *out)
{
    buf_printf(out, "%s:\n", in->host->ofed);
}

void text_ipmi(const struct text_input *in, struct buf *out)
{
    buf_printf(out,
               "Device ID                 : 32\nDevice Revision           : 1\n"
               "Firmware Revision         : %s\nIPMI Version              : 2.0\n"
               "Manufacturer Name         : %s\nProduct ID                : 256 (0x0100)\n"
               "Device Available          : yes\nProvides Device SDRs      : yes\n",
               in->host->bmc, in->host->manufacturer);
}
