package patches

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/uclab/uclab/appliance"
)

// chkconfig keeps a service's boot state in the names of links in /etc/rc.d:
// S50snmpd starts it on a run level, K50snmpd stops it.
const rcDir = "/etc/rc.d"

var rcLink = regexp.MustCompile(`^([SK])([0-9]{2})(.+)$`)

// serviceChange keeps a service from starting at boot.
type serviceChange struct {
	name  string
	off   string // command
	links []string
	shell bool // run the command; else rename the links
}

// bootLevels are the run levels that matter; 0, 1 and 6 stop everything.
var bootLevels = []int{2, 3, 4, 5}

func (p *planner) rcDirs() []string {
	var dirs []string
	for _, level := range bootLevels {
		dirs = append(dirs, fmt.Sprintf("%s%s/rc%d.d", p.partition.Root(), rcDir, level))
	}
	return dirs
}

func (p *planner) prefetchService() {
	for _, dir := range p.rcDirs() {
		p.reader.startDir(dir)
	}
}

// planServices reads the links of a patch's service.
func (p *planner) planServices(patch *Patch) (*Planned, error) {
	service := patch.services[0]
	links, known, err := p.startLinks(service.Name)
	if err != nil {
		return nil, err
	}
	planned := &Planned{Patch: patch, State: StateNeeded}
	switch {
	case !known && p.node.Product == "":
		planned.State, planned.Reason = StateNotApplicable, fmt.Sprintf("no service %s is set up in %s%s", service.Name, p.partition.Root(), rcDir)
	case !known:
		planned.State, planned.Reason = StateConflict, fmt.Sprintf("no service %s is set up in %s%s", service.Name, p.partition.Root(), rcDir)
	case len(links) == 0:
		planned.State = StateApplied
	default:
		// A command acts on the system that runs, not on the other partition.
		shell := false
		if p.partition == PartitionActive {
			if shell, err = p.reader.session.Shell(p.reader.ctx); err != nil {
				return nil, err
			}
		}
		planned.service = &serviceChange{name: service.Name, off: service.Off, links: links, shell: shell}
		planned.Commands = planned.service.commands()
	}
	return planned, nil
}

// startLinks gives the links that start a service at boot, and whether the
// service is known at all.
func (p *planner) startLinks(name string) (links []string, known bool, err error) {
	for _, dir := range p.rcDirs() {
		infos, err := p.reader.dir(dir)
		if err != nil {
			return nil, false, err
		}
		for _, info := range infos {
			m := rcLink.FindStringSubmatch(info.Name())
			if m == nil || m[3] != name {
				continue
			}
			known = true
			if m[1] == "S" {
				links = append(links, info.Path)
			}
		}
	}
	return links, known, nil
}

// stopName is the name that a start link gets: chkconfig's own number for
// stopping is 100 less the one for starting, unless the service's script says
// otherwise.
func stopName(link string) string {
	m := rcLink.FindStringSubmatch(path.Base(link))
	number, _ := strconv.Atoi(m[2]) // two digits, by the pattern
	return path.Join(path.Dir(link), fmt.Sprintf("K%02d%s", 100-max(number, 1), m[3]))
}

func (c *serviceChange) commands() []string {
	if c.shell {
		return []string{c.off}
	}
	var commands []string
	for _, link := range c.links {
		commands = append(commands, fmt.Sprintf("rename %s to %s", link, path.Base(stopName(link))))
	}
	return commands
}

// turnOff keeps the service from starting at boot, and checks that it worked.
func (c *serviceChange) turnOff(ctx context.Context, session *appliance.Session) error {
	if !c.shell {
		links, err := linksOf(ctx, session, c.links, "S", c.name)
		if err != nil {
			return err
		}
		for _, link := range links {
			if err := session.Rename(ctx, link, stopName(link)); err != nil {
				return err
			}
		}
		return nil
	}
	result, err := session.Run(ctx, c.off, true)
	if err != nil {
		return err
	}
	if result.Code != 0 {
		return fmt.Errorf("%s: exit status %d: %s", c.off, result.Code, strings.TrimSpace(result.Stderr+result.Stdout))
	}
	left, err := linksOf(ctx, session, c.links, "S", c.name)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("%s: done, yet %s is still there", c.off, left[0])
	}
	return nil
}

// linksOf lists a service's links of one kind in the directories of others.
func linksOf(ctx context.Context, session *appliance.Session, beside []string, kind, name string) ([]string, error) {
	var found []string
	seen := map[string]bool{}
	for _, link := range beside {
		dir := path.Dir(link)
		if seen[dir] {
			continue
		}
		seen[dir] = true
		infos, err := session.ReadDir(ctx, dir)
		if err != nil {
			return nil, err
		}
		for _, info := range infos {
			if m := rcLink.FindStringSubmatch(info.Name()); m != nil && m[1] == kind && m[3] == name {
				found = append(found, info.Path)
			}
		}
	}
	return found, nil
}

// turnOn gives the start links their names back, exactly.
func turnOn(ctx context.Context, session *appliance.Session, name string, links []string) error {
	started, err := linksOf(ctx, session, links, "S", name)
	if err != nil {
		return err
	}
	stopped, err := linksOf(ctx, session, links, "K", name)
	if err != nil {
		return err
	}
	for _, link := range links {
		dir := path.Dir(link)
		if hasDir(started, dir) {
			continue
		}
		for _, stop := range stopped {
			if path.Dir(stop) != dir {
				continue
			}
			if err := session.Rename(ctx, stop, link); err != nil {
				return err
			}
		}
	}
	return nil
}

func hasDir(names []string, dir string) bool {
	for _, name := range names {
		if path.Dir(name) == dir {
			return true
		}
	}
	return false
}
