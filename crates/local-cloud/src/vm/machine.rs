//! A guest's machine as QEMU's command line.

use std::ffi::{OsStr, OsString};
use std::net::Ipv4Addr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::accelerator::Accelerator;
use super::qmp::SOCKET;
use crate::guest_link::Channel;

pub(crate) const PROGRAM: &str = "qemu-system-x86_64";

/// The port of the service.
pub(crate) const PORT: u16 = 8000;

/// A port of the guest, and the port of a loopback address that leads there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forwarding {
    pub(crate) outside: u16,
    pub(crate) inside: u16,
}

pub(crate) const SERVICE: Forwarding = Forwarding { outside: PORT, inside: PORT };

/// Name of the guest's network in the monitor.
pub(crate) const NETWORK: &str = "net0";

/// In an instance's directory, with `.in` and `.out` behind it: the pipes by which a guest gets its orders.
pub(crate) const ORDERS: &str = "orders";

/// The guest's own address in its network.
pub(crate) const GUEST: Ipv4Addr = Ipv4Addr::new(169, 254, 2, 15);

/// Everything that tells one guest's machine from another's.
#[derive(Debug)]
pub(crate) struct Machine<'a> {
    pub(crate) instance_id: &'a str,
    pub(crate) instance_type: &'a str,
    /// Holds the disk. QEMU runs in it, and its options name files relative to it.
    pub(crate) directory: &'a Path,
    pub(crate) boot: Boot<'a>,
    pub(crate) accelerator: Accelerator,
    /// The instance's loopback address.
    pub(crate) address: Ipv4Addr,
    /// Whether the agent drives the guest.
    pub(crate) agent: bool,
    pub(crate) beginning: Beginning<'a>,
    /// Whether the directory `cidata` is shown to cloud-init's data source for machines outside of any cloud.
    pub(crate) cidata: bool,
    /// Program and leading arguments of the process that carries a guest's connection.
    pub(crate) pipe: &'a [OsString],
}

/// How a machine comes to where its work begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beginning<'a> {
    Boot,
    /// It boots, is saved, and waits for its orders.
    BootToBeSaved,
    /// It was saved like that, with its memory in this file, and waits for its orders.
    Saved(&'a Path),
}

/// What the machine starts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Boot<'a> {
    /// A kernel that takes its orders from our command line.
    Kernel { kernel: &'a Path, initrd: &'a Path },
    /// The loader on the disk, by the BIOS.
    Bios,
    /// The loader on the disk, by a firmware whose settings are in the instance's directory.
    Uefi { code: &'a Path },
}

/// Name of the flash memory in an instance's directory.
pub(crate) const UEFI_VARIABLES: &str = "uefi-variables.fd";

impl Machine<'_> {
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let mut line = self.board();
        self.disks(&mut line);
        self.serial_ports(&mut line);
        let mut add = |flag: &str, value: OsString| line.extend([flag.into(), value]);
        add("-netdev", self.network());
        add("-device", format!("virtio-net-pci,netdev={NETWORK},mac={},romfile=", mac(self.instance_id)).into());
        for table in self.smbios() {
            add("-smbios", table);
        }
        add("-qmp", format!("unix:{SOCKET},server=on,wait=off").into());
        // An absolute path: by it a guest's process is known again.
        add("-pidfile", self.directory.join("qemu.pid").into());
        if let Beginning::Saved(memory) = self.beginning {
            let mut command = b"exec:exec cat ".to_vec();
            command.extend(quoted(memory.as_os_str()));
            add("-incoming", OsString::from_vec(command));
        }
        line
    }

    fn board(&self) -> Vec<OsString> {
        let mut line: Vec<OsString> =
            ["-machine", "q35", "-nodefaults", "-no-user-config", "-display", "none"].map(Into::into).into();
        let mut add = |flag: &str, value: OsString| line.extend([flag.into(), value]);
        add("-accel", self.accelerator.option().into());
        add("-cpu", self.accelerator.processor().into());
        add("-smp", "2".into());
        add("-m", memory_mib(self.instance_type).to_string().into());
        self.loading(&mut line);
        if self.agent {
            line.push("-no-reboot".into());
        }
        line
    }

    fn loading(&self, line: &mut Vec<OsString>) {
        let mut add = |flag: &str, value: OsString| line.extend([flag.into(), value]);
        match self.boot {
            Boot::Kernel { kernel, initrd } => {
                add("-kernel", kernel.into());
                add("-initrd", initrd.into());
                add("-append", self.kernel_command_line().into());
            }
            // As on EC2: loaders that know no serial port need a screen, though nobody looks at it.
            Boot::Bios => add("-device", "VGA".into()),
            Boot::Uefi { code } => {
                let mut flash = OsString::from("if=pflash,unit=0,format=raw,readonly=on,file=");
                flash.push(doubled(code.as_os_str().as_bytes()));
                add("-drive", flash);
                add("-drive", format!("if=pflash,unit=1,format=raw,file={UEFI_VARIABLES}").into());
                add("-device", "VGA".into());
            }
        }
    }

    fn kernel_command_line(&self) -> String {
        let always = "console=ttyS0 root=/dev/vda rw net.ifnames=0 mitigations=off";
        let mode = if self.agent { "panic=-1 cloud-init=disabled local_cloud.agent" } else { "panic=10" };
        let saved = if self.beginning == Beginning::Boot { "" } else { " local_cloud.saved" };
        format!("{always}{} {mode}{saved}", self.accelerator.kernel_options())
    }

    fn disks(&self, line: &mut Vec<OsString>) {
        let mut add = |flag: &str, value: &str| line.extend([flag.into(), value.into()]);
        // A host that loses its power loses a build with it; an instance's disk is written when the guest asks for it.
        let cache = if self.agent { "unsafe" } else { "writeback" };
        add("-drive", &format!("file=disk.qcow2,format=qcow2,if=none,id=root,cache={cache},discard=unmap"));
        // A kernel that QEMU loads itself has taken the first place.
        add("-device", "virtio-blk-pci,drive=root,bootindex=1");
        if self.cidata {
            // QEMU makes a read-only FAT volume of the directory.
            let volume = "driver=vvfat,dir=cidata,label=CIDATA,floppy=off,rw=off,read-only=on,node-name=cidata";
            add("-blockdev", volume);
            add("-device", "virtio-blk-pci,drive=cidata");
        }
        if self.agent {
            add("-drive", "file=seed.tar,format=raw,if=none,id=seed,readonly=on");
            add("-device", "virtio-blk-pci,drive=seed,serial=agent-seed");
        }
    }

    /// The agent's way to the host comes second.
    fn serial_ports(&self, line: &mut Vec<OsString>) {
        let mut add = |flag: &str, value: &str| line.extend([flag.into(), value.into()]);
        add("-chardev", "file,id=console,path=console.log");
        add("-serial", "chardev:console");
        if self.agent {
            add("-chardev", "file,id=agent,path=agent.log,append=on");
            match self.boot {
                Boot::Kernel { .. } => {
                    add("-device", "virtio-serial-pci");
                    add("-device", "virtserialport,chardev=agent,name=local-cloud.agent");
                    if self.beginning != Beginning::Boot {
                        // A pipe of QEMU's is never at its end, so that the guest waits for what comes.
                        add("-chardev", &format!("pipe,id=orders,path={ORDERS}"));
                        add("-device", "virtserialport,chardev=orders,name=local-cloud.orders");
                    }
                }
                // Not every kernel has a driver for the other kind.
                Boot::Bios | Boot::Uefi { .. } => add("-serial", "chardev:agent"),
            }
        }
    }

    /// Nothing leads out of the guest's network but the two link-local addresses.
    fn network(&self) -> OsString {
        let mut option = OsString::from(format!(
            "user,id={NETWORK},net=169.254.0.0/16,host=169.254.1.2,dns=169.254.1.3,dhcpstart={GUEST},restrict=on,\
             hostfwd=tcp:{}:{PORT}-:{PORT}",
            self.address
        ));
        for (address, channel) in [("169.254.169.254", Channel::Metadata), ("169.254.170.2", Channel::Endpoint)] {
            option.push(format!(",guestfwd=tcp:{address}:80-cmd:"));
            option.push(doubled(&self.pipe_command(channel)));
        }
        option
    }

    /// QEMU splits the command into words as a shell does.
    fn pipe_command(&self, channel: Channel) -> Vec<u8> {
        let id = self.instance_id;
        let appended = ["--socket", "../../guest.sock", "--instance", id, "--channel", channel.name()];
        let words = self.pipe.iter().map(OsString::as_os_str).chain(appended.map(OsStr::new));
        words.map(quoted).collect::<Vec<_>>().join(&b' ')
    }

    /// What a guest on EC2 finds in its firmware's tables.
    fn smbios(&self) -> [OsString; 3] {
        let (id, uuid) = (self.instance_id, uuid(self.instance_id));
        let mut system = OsString::from(format!("type=1,manufacturer=Amazon EC2,uuid={uuid},serial={uuid},product="));
        system.push(doubled(self.instance_type.as_bytes()));
        let board = format!("type=2,manufacturer=Amazon EC2,asset={id}").into();
        [system, board, "type=3,manufacturer=Amazon EC2,asset=Amazon EC2".into()]
    }
}

/// A word in single quotes, by a shell's rules.
fn quoted(word: &OsStr) -> Vec<u8> {
    let mut quoted = vec![b'\''];
    for byte in word.as_bytes() {
        match byte {
            b'\'' => quoted.extend(br"'\''"),
            byte => quoted.push(*byte),
        }
    }
    quoted.push(b'\'');
    quoted
}

/// In the value of a QEMU option a comma is written twice.
pub(super) fn doubled(value: &[u8]) -> OsString {
    let twice = |byte: &u8| std::iter::repeat_n(*byte, if *byte == b',' { 2 } else { 1 });
    OsString::from_vec(value.iter().flat_map(twice).collect())
}

/// The type's memory, but no more than 1 GiB: guests share a developer's machine.
pub(crate) fn memory_mib(instance_type: &str) -> u32 {
    const MOST: u32 = 1024;
    let memory = match instance_type.rsplit('.').next() {
        Some("nano") => 512,
        Some("micro") => 1024,
        Some("small") => 2048,
        Some("medium") => 4096,
        _ => 8192,
    };
    memory.min(MOST)
}

/// A locally administered address made from the instance's id.
pub(crate) fn mac(instance_id: &str) -> String {
    let digest = Sha256::digest(instance_id);
    let tail: Vec<String> = digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    format!("02:{}", tail.join(":"))
}

/// The machine's UUID; by its first three digits a guest knows that it is on EC2.
fn uuid(instance_id: &str) -> String {
    let digits = hex::encode(Sha256::digest(instance_id));
    format!("ec2{}-{}-{}-{}-{}", &digits[3..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..32])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(boot: Boot<'_>, beginning: Beginning<'_>, agent: bool, cidata: bool) -> String {
        let machine = Machine {
            instance_id: "i-0123456789abcdef0",
            instance_type: "t3.medium",
            directory: Path::new("/state/instances/i-0123456789abcdef0"),
            boot,
            accelerator: Accelerator::Tcg,
            address: Ipv4Addr::new(127, 100, 7, 1),
            agent,
            beginning,
            cidata,
            pipe: &["/opt/it's, a tool/veris".into(), "local".into(), "pipe".into()],
        };
        let words: Vec<String> = machine.arguments().iter().map(|word| word.to_string_lossy().into_owned()).collect();
        words.join("\n")
    }

    #[test]
    fn a_machine_is_this_command_line() {
        let (kernel, initrd) = (Path::new("/cache/parents/0123/vmlinuz"), Path::new("/cache/parents/0123/initrd"));
        insta::assert_snapshot!(arguments(Boot::Kernel { kernel, initrd }, Beginning::Boot, true, false));
    }

    #[test]
    fn a_guest_that_was_saved_has_the_same_devices_and_its_memory_from_a_file() {
        let (kernel, initrd) = (Path::new("/cache/vmlinuz"), Path::new("/cache/initrd"));
        let boot = Boot::Kernel { kernel, initrd };
        let memory = Path::new("/the user's cache/memory");
        let (first, later) = (Beginning::BootToBeSaved, Beginning::Saved(memory));
        let (first, later) = (arguments(boot, first, true, false), arguments(boot, later, true, false));
        assert!(first.contains(" local_cloud.agent local_cloud.saved\n"), "{first}");
        assert!(first.contains("pipe,id=orders,path=orders\n-device\nvirtserialport,chardev=orders,"), "{first}");
        let incoming = r"exec:exec cat '/the user'\''s cache/memory'";
        assert_eq!(later, format!("{first}\n-incoming\n{incoming}"));
    }

    #[test]
    fn an_image_with_its_own_loader_gets_a_volume_for_cloud_init_and_a_second_serial_port() {
        insta::assert_snapshot!(arguments(Boot::Bios, Beginning::Boot, true, true));
    }

    #[test]
    fn a_firmware_in_flash_keeps_its_settings_in_the_instance() {
        let code = Path::new("/usr/share/OVMF, the firmware/CODE.fd");
        let arguments = arguments(Boot::Uefi { code }, Beginning::Boot, false, false);
        assert!(arguments.contains("readonly=on,file=/usr/share/OVMF,, the firmware/CODE.fd\n"), "{arguments}");
        assert!(arguments.contains("if=pflash,unit=1,format=raw,file=uefi-variables.fd"), "{arguments}");
        assert!(!arguments.contains("agent") && !arguments.contains("-append"), "{arguments}");
    }

    #[test]
    fn a_small_type_gets_its_memory_and_a_large_one_no_more_than_a_gibibyte() {
        assert_eq!(memory_mib("t3.nano"), 512);
        assert_eq!(memory_mib("t3.large"), 1024);
    }
}
