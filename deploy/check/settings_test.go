package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// certificates are those of deploy/certificates.sh, for the names in the compose file.
func certificates(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for range 2 { // what is there stays
		if out, err := exec.Command("sh", "../certificates.sh", dir, "database", "vault", "redis", "store", "web=localhost").CombinedOutput(); err != nil {
			t.Fatalf("certificates.sh: %v\n%s", err, out)
		}
	}
	return dir
}

func nothing(t *testing.T, refused []string) {
	t.Helper()
	if len(refused) > 0 {
		t.Errorf("the server refuses:\n%s", strings.Join(refused, "\n"))
	}
}

// known wants that each PARLEY_ variable is a setting: one that is misspelt would be without effect.
func known(t *testing.T, names map[string]bool, env string) {
	t.Helper()
	if strings.HasPrefix(env, "PARLEY_") && !names[env] {
		t.Errorf("%s is no setting", env)
	}
}

func TestTheServerTakesTheSettingsOfTheManifests(t *testing.T) {
	names, found := variables(t), objects(t)
	pod := found["StatefulSet nodes.yaml"].(*appsv1.StatefulSet).Spec.Template.Spec.Containers[0]
	var env []string
	for _, v := range pod.Env {
		known(t, names, v.Name)
		if v.Value == "" {
			v.Value = "203.0.113.7" // of the pod, or of its machine
		}
		env = append(env, v.Name+"="+v.Value)
	}
	secrets := 0
	for _, text := range documents(t, "../kubernetes/secrets.example.yaml") {
		object, _, err := decoder(t).Decode(text, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		s := object.(*corev1.Secret)
		if s.Name != pod.EnvFrom[0].SecretRef.Name {
			continue
		}
		for name, value := range s.StringData {
			known(t, names, name)
			env = append(env, name+"="+value)
			secrets++
		}
	}
	if secrets < 6 {
		t.Errorf("%d secrets", secrets)
	}
	config := filepath.Join(t.TempDir(), "parley.yaml")
	text := found["ConfigMap config.yaml"].(*corev1.ConfigMap).Data["parley.yaml"]
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	args := strings.Fields(strings.NewReplacer("$(POD_IP)", "203.0.113.7", "/etc/parley/parley.yaml", config).Replace(strings.Join(pod.Args, " ")))
	args = append(args, "--cluster-tls", filepath.Join(certificates(t), "node"))
	nothing(t, refused(t, env, args...))

	// The check would have seen a setting that is not one.
	if err := os.WriteFile(config, []byte(text+"drain: 5m\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(built(t), append(args, planted)...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), `unknown key "drain"`) {
		t.Errorf("an unknown key: %v\n%s", err, out)
	}
}

func TestThePortsOfTheManifestsAreThoseOfTheSettings(t *testing.T) {
	found := objects(t)
	settings := found["ConfigMap config.yaml"].(*corev1.ConfigMap).Data["parley.yaml"]
	for _, p := range found["StatefulSet nodes.yaml"].(*appsv1.StatefulSet).Spec.Template.Spec.Containers[0].Ports {
		want := map[string]string{"web": `http: ":8443"`, "admin": `admin: ":8081"`, "media-0": `udp: ":7882"`, "media-1": "udp-workers: 2", "cluster": ""}
		line, ok := want[p.Name]
		if !ok || !strings.Contains(settings, line) {
			t.Errorf("port %s has no setting %q", p.Name, line)
		}
	}
}

func TestTheServerTakesTheSettingsOfTheComposeFile(t *testing.T) {
	names, dir := variables(t), certificates(t)
	secrets := []string{"POSTGRES_PASSWORD=p", "ROOT_KEY=" + strings.Repeat("5c", 32), "WRITER_PASSWORD=w", "READER_PASSWORD=r", "OWNER_PASSWORD=o", "API_SECRET=" + strings.Repeat("s", 32)}
	options, err := cli.NewProjectOptions([]string{"../compose.yaml"}, cli.WithEnv(secrets), cli.WithInterpolation(true), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	nodes := 0
	for _, s := range project.Services {
		if s.Image != "parley" {
			continue
		}
		nodes++
		env := imageEnvironment(t)
		for name, value := range s.Environment {
			known(t, names, name)
			env = append(env, name+"="+strings.ReplaceAll(*value, "/certificates", dir))
		}
		nothing(t, refused(t, env, s.Command...))
	}
	if nodes != 2 {
		t.Errorf("%d nodes, want 2", nodes)
	}
}

// imageEnvironment is that of the Dockerfile.
func imageEnvironment(t *testing.T) (env []string) {
	t.Helper()
	text, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	names := variables(t)
	for _, line := range regexp.MustCompile(`(?m)^ENV (.*)$`).FindAllSubmatch(text, -1) {
		for _, pair := range strings.Fields(string(line[1])) {
			name, _, _ := strings.Cut(pair, "=")
			known(t, names, name)
			env = append(env, pair)
		}
	}
	if len(env) == 0 {
		t.Fatal("the Dockerfile sets no environment")
	}
	return env
}

// TestTheServerTakesTheSettingsOfTheUnit runs the unit's command line with the settings file that OPERATIONS.md shows.
func TestTheServerTakesTheSettingsOfTheUnit(t *testing.T) {
	unit, err := os.ReadFile("../systemd/parley.service")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(page), "```yaml\n")
	block, _, end := strings.Cut(block, "```")
	if !ok || !end {
		t.Fatal("OPERATIONS.md shows no settings file")
	}
	config, data := filepath.Join(t.TempDir(), "parley.yaml"), t.TempDir()
	if err := os.WriteFile(config, []byte(strings.ReplaceAll("\n"+block, "\n   ", "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/parley (.*)$`).FindSubmatch(unit)
	if m == nil {
		t.Fatal("the unit starts no parley")
	}
	nothing(t, refused(t, nil, strings.Fields(strings.NewReplacer("/etc/parley/parley.yaml", config, "/var/lib/parley", data).Replace(string(m[1])))...))
}
