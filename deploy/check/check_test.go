// Package check holds the files of deploy against the schemas of what reads them, strictly: an unknown or misplaced
// field is an error. It is a module of its own, so that their large libraries are no dependencies of the server.
package check

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"
)

func decoder(t *testing.T) runtime.Decoder {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, appsv1.AddToScheme, policyv1.AddToScheme, networkingv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
}

// objects reads every manifest of the folder but kustomize's own.
func objects(t *testing.T) map[string]runtime.Object {
	t.Helper()
	files, err := filepath.Glob("../kubernetes/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d manifests, %v", len(files), err)
	}
	found, decode := map[string]runtime.Object{}, decoder(t)
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		for _, one := range documents(t, file) {
			object, kind, err := decode.Decode(one, nil, nil)
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			found[kind.Kind+" "+filepath.Base(file)] = object
		}
	}
	return found
}

func documents(t *testing.T, file string) (all [][]byte) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(text)))
	buf := make([]byte, 1<<20)
	for {
		n, err := r.Read(buf)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, bytes.Clone(buf[:n]))
	}
}

func TestManifestsAreWhatKubernetesReads(t *testing.T) {
	found := objects(t)
	set, ok := found["StatefulSet nodes.yaml"].(*appsv1.StatefulSet)
	if !ok {
		t.Fatalf("no StatefulSet among %v", found)
	}
	labels := set.Spec.Template.Labels
	for name, selector := range map[string]map[string]string{
		"set":        set.Spec.Selector.MatchLabels,
		"disruption": found["PodDisruptionBudget disruption.yaml"].(*policyv1.PodDisruptionBudget).Spec.Selector.MatchLabels,
		"network":    found["NetworkPolicy network.yaml"].(*networkingv1.NetworkPolicy).Spec.PodSelector.MatchLabels,
		"service":    found["Service services.yaml"].(*corev1.Service).Spec.Selector,
	} {
		for key, value := range selector {
			if labels[key] != value {
				t.Errorf("the selector of %s does not match the pods: %s=%s", name, key, value)
			}
		}
	}
	pod := set.Spec.Template.Spec
	if pod.TerminationGracePeriodSeconds == nil || *pod.TerminationGracePeriodSeconds <= 30*60+25 {
		t.Error("a pod is killed before it has drained (drain-for and stop-after of config.yaml)")
	}
	for _, c := range pod.Containers {
		if c.SecurityContext.ReadOnlyRootFilesystem == nil || !*c.SecurityContext.ReadOnlyRootFilesystem {
			t.Errorf("container %s can write to its image", c.Name)
		}
	}
}

func TestComposeFileIsWhatComposeReads(t *testing.T) {
	env := []string{"POSTGRES_PASSWORD=p", "ROOT_KEY=r", "WRITER_PASSWORD=w", "READER_PASSWORD=r", "OWNER_PASSWORD=o", "API_SECRET=s"}
	options, err := cli.NewProjectOptions([]string{"../compose.yaml"}, cli.WithEnv(env), cli.WithInterpolation(true), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	nodes := 0
	for _, s := range project.Services {
		for _, v := range s.Volumes {
			if v.Type == "bind" {
				if _, err := os.Stat(v.Source); err != nil {
					t.Errorf("%s mounts what is not there: %v", s.Name, err)
				}
			}
		}
		if s.Image == "parley" {
			nodes++
		}
	}
	if nodes != 2 {
		t.Errorf("%d nodes, want 2", nodes)
	}
}

func TestTheUnitIsWhatSystemdReads(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("systemd-analyze is not installed")
	}
	text, err := os.ReadFile("../systemd/parley.service")
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(t.TempDir(), "parley.service") // with a program that is there
	if err := os.WriteFile(unit, bytes.ReplaceAll(text, []byte("/usr/local/bin/parley"), []byte("/bin/true")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"verify", "--man=no", unit}, {"security", "--offline=true", "--threshold=20", unit}} {
		out, err := exec.Command("systemd-analyze", args...).CombinedOutput()
		if err != nil || args[0] == "verify" && strings.Contains(string(out), unit) {
			t.Errorf("systemd-analyze %s: %v\n%s", args[0], err, out)
		}
	}
}
