package appliance

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/ssh"
)

// algorithms gives what the client offers: the library's safe defaults, which
// still reach a stock OpenSSH 3.9, or, for the opt-in, everything it has. Old
// algorithms come last, and group exchange with SHA-1 last of all: old moduli
// files may hold groups that are refused as too small.
func algorithms(legacy bool) ssh.Algorithms {
	if !legacy {
		return ssh.Algorithms{}
	}
	safe, old := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	kex := slices.Concat(safe.KeyExchanges, old.KeyExchanges)
	kex = slices.DeleteFunc(kex, func(name string) bool { return name == ssh.InsecureKeyExchangeDHGEXSHA1 })
	return ssh.Algorithms{
		KeyExchanges: append(kex, ssh.InsecureKeyExchangeDHGEXSHA1),
		Ciphers:      slices.Concat(safe.Ciphers, old.Ciphers),
		MACs:         slices.Concat(safe.MACs, old.MACs),
		HostKeys:     slices.Concat(safe.HostKeys, old.HostKeys),
	}
}

// explainNegotiation turns a failed negotiation into a sentence that names the
// opt-in, when the opt-in would help.
func explainNegotiation(config Config, err error) error {
	var failed *ssh.AlgorithmNegotiationError
	if !errors.As(err, &failed) {
		return err
	}
	if config.Legacy {
		return hintf(fmt.Errorf("no algorithm for %s is known to both sides; the server offers %v", failed.What, failed.RequestedAlgorithms),
			"uclab implements none of these; allow another algorithm in the appliance's sshd_config")
	}
	if !offersOld(failed.RequestedAlgorithms) {
		return fmt.Errorf("no algorithm for %s is known to both sides; the server offers %v", failed.What, failed.RequestedAlgorithms)
	}
	return hintf(fmt.Errorf("%w for %s: %v", ErrLegacy, failed.What, failed.RequestedAlgorithms),
		"if this appliance is trusted and its network is too, allow them: ssh { legacy = true } in its node block, or --legacy")
}

func offersOld(names []string) bool {
	old := ssh.InsecureAlgorithms()
	known := slices.Concat(old.KeyExchanges, old.Ciphers, old.MACs, old.HostKeys)
	return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(known, name) })
}
